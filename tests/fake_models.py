"""Models as others publish them, by their names and shapes, with random weights: Perch and BirdNET as SavedModels."""

import numpy as np
import tensorflow as tf

CODES = ["abythr1", "barswa", "comsan", "eubeat1", "gyhkin1", "litegr", "rbsrob1", "wlwwar", "yertin1"]
SCIENTIFIC = ["Turdus olivaceus", "Hirundo rustica", "Actitis hypoleucos", "Merops apiaster", "Halcyon leucocephala"]
PERCH_SAMPLES, BIRDNET_SAMPLES = 160_000, 144_000


def weights(rows, columns, seed):
    return tf.constant(np.random.default_rng(seed).normal(scale=rows**-0.5, size=(rows, columns)), tf.float32)


class Hears(tf.Module):
    """What all of them share: frames of samples, an embedding of these, scores of that."""

    def __init__(self, classes, width, samples):
        super().__init__()
        self.frames = 500 if samples == PERCH_SAMPLES else 480
        self.up = tf.Variable(weights(samples // self.frames, width, 1))
        self.head = tf.Variable(weights(width, classes, 2))

    def spatial(self, samples):
        """(n, frames, width)."""
        return tf.nn.relu(tf.reshape(samples, (tf.shape(samples)[0], self.frames, -1)) @ self.up)

    def embed(self, samples):
        return tf.reduce_mean(self.spatial(samples), axis=1)


def perch_v1(folder, version=8, classes=CODES, batch=None):
    """`infer_tf`, which gives logits and embedding (version 4), or names them (version 8); `assets/label.csv`."""
    model = Hears(len(classes), 1280, PERCH_SAMPLES)
    ranks = {name: weights(1280, size, size) for name, size in (("genus", 6), ("family", 5), ("order", 4))}

    def infer_tf(samples):
        embedding = model.embed(samples)
        logits = embedding @ model.head
        if version == 4:
            return logits, embedding
        named = {name: embedding @ rank for name, rank in ranks.items()}
        frontend = model.spatial(samples)[..., :160]
        return {"label": logits, **named, "embedding": embedding, "frontend": frontend}

    model.infer_tf = tf.function(infer_tf, input_signature=[tf.TensorSpec((batch, PERCH_SAMPLES), tf.float32)])
    save(model, folder)
    write_list(folder / "assets/label.csv", ["ebird2021", *classes])


def perch_v2(folder, classes=(*SCIENTIFIC, "Speech")):
    """`serving_default`, which also gives a picture and an embedding with places; `assets/labels.csv`."""
    model = Hears(len(classes), 1536, PERCH_SAMPLES)

    @tf.function(input_signature=[tf.TensorSpec((None, PERCH_SAMPLES), tf.float32, name="inputs")])
    def serve(inputs):
        spatial = model.spatial(inputs)
        embedding = tf.reduce_mean(spatial, axis=1)
        places = tf.reshape(spatial[:, :64], (-1, 16, 4, 1536))
        return {
            "label": embedding @ model.head,
            "embedding": embedding,
            "spatial_embedding": places,
            "spectrogram": spatial[..., :128],
        }

    save(model, folder, {"serving_default": serve})
    write_list(folder / "assets/labels.csv", ["inat2024_fsd50k", *classes])


def birdnet_protobuf(folder, classes=SCIENTIFIC):
    """BirdNET's: chances from `basic`, embeddings from another signature, its list in a folder beside it."""
    model = Hears(len(classes), 1024, BIRDNET_SAMPLES)
    spec = tf.TensorSpec((None, BIRDNET_SAMPLES), tf.float32, name="inputs")

    @tf.function(input_signature=[spec])
    def basic(inputs):
        return {"scores": tf.sigmoid(model.embed(inputs) @ model.head)}

    @tf.function(input_signature=[spec])
    def embeddings(inputs):
        return {"embeddings": model.embed(inputs)}

    save(model, folder, {"basic": basic, "embeddings": embeddings})
    write_list(folder.parent / "labels/en_us.txt", [f"{name}_Bird {number}" for number, name in enumerate(classes)])


def save(model, folder, signatures=None):
    tf.saved_model.save(model, str(folder), signatures=signatures)


def write_list(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


def logits_by_hand(folder, samples, up_and_head):
    """What a fake answers, by its definition: samples (n, samples) to logits (n, classes)."""
    up, head = up_and_head
    frames = samples.reshape(len(samples), -1, up.shape[0])
    return np.maximum(frames @ up, 0).mean(axis=1) @ head
