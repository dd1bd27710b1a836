"""What tests of what surrounds networks take: a network that is read backwards, kept and resumed as any other, in little time."""


def know_small():
    """Let `build` build it as "small", in this process."""
    from birdclef_mind.networks.build import NETWORKS

    NETWORKS["small"] = small


def few_steps(put=setattr):
    """Let metamers be sought for a few steps alone, and one segment a kind be heard in a comparison, in this process."""
    from birdclef_mind.backwards import metamers, sound_metamers
    from birdclef_mind.evidence import masks
    from birdclef_mind.explanation import comparison

    for module in (metamers, sound_metamers):
        put(module, "STEPS", 3)
        put(module, "ROUNDS", 1)
    put(metamers, "NEAR_STEPS", 2)
    put(masks, "USUAL", masks.Wanted(steps=3))
    put(comparison, "_HEARD", 1)


def small(picture, noise_floor):
    """A network with a layer of each kind, and few weights."""
    from keras import layers

    chain = [
        layers.Rescaling(1 / 255, name="rescaling"),
        layers.Conv2D(4, 3, padding="same", activation="relu", name="convolution_1"),
        layers.MaxPooling2D(4, name="pooling_1"),
        layers.Flatten(name="flatten"),
        layers.Dense(8, activation="relu", name="embedding"),
    ]
    value = picture
    for layer in chain:
        value = layer(value)
    return value
