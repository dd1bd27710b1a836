"""A listener for tests of what surrounds listeners: a Keras model with its description, that hears in little time."""

# What the invented competitions call their first species, and one of the same genus as them.
SPECIES = ("Exemplum whistle", "Exemplum trill", "Aliena sola", "Exemplum alterum")
RATE_HZ, WINDOW_S = 4_000, 3.0


def write_listener(folder, *, species=SPECIES, seed=1, activation=None, **said):
    """`listener.toml`, `model.keras` and `labels.txt` in a folder; the TOML's path."""
    import keras
    from keras import layers

    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(seed)
    frame = 40
    samples = keras.Input((round(RATE_HZ * WINDOW_S),), name="samples")
    frames = layers.Reshape((-1, frame), name="frames")(samples)
    maps = layers.Dense(8, activation="relu", name="maps")(frames)
    pooled = layers.GlobalAveragePooling1D(name="pooled")(maps)
    squared = layers.Dense(5, name="squared")(pooled)
    keras.Model(samples, layers.Dense(len(species), activation, name="classes")(squared)).save(folder / "model.keras")
    (folder / "labels.txt").write_text("\n".join([*species, ""]), encoding="utf-8")
    return describe(folder, **said)


def describe(folder, **said):
    """Write the description of the model in a folder."""
    facts = {
        "kind": "keras", "model": "model.keras", "labels": "labels.txt", "rate_hz": RATE_HZ, "window_s": WINDOW_S,
        "embedding": "pooled", "scores": "classes", "hop_s": 0.01, "licence": "CC0 1.0", "prize": "yes",
    }  # fmt: skip
    # Lists and texts are written alike in both languages.
    lines = [f"{name} = {value!r}" for name, value in {**facts, **said}.items()]
    (folder / "listener.toml").write_text("\n".join(lines), encoding="utf-8")
    return folder / "listener.toml"
