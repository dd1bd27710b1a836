"""What a mask keeps of a sound and what it leaves: two sounds with the recording's own phase that add up to it."""

import numpy as np
import scipy.sparse

from birdclef_mind.arrays import Array
from birdclef_mind.sound.settings import Features
from birdclef_mind.sound.spectrum import mel_filters, samples_to_spectra, spectra_to_samples


def split_samples(samples: Array, masks: Array, features: Features) -> tuple[Array, Array]:
    """The kept and the removed part of sounds, (segments, segment_samples) float32 each; their sum is the sound.

    The short-time spectrum is multiplied by the mask, and by what is missing of it to 1; its phase stays. A frequency
    between bands is kept as its bands are, one outside all of them as the nearest band.

    Parameters
    ----------
    samples : (segments, segment_samples). masks : share kept a mel band and frame, 0–1, (segments, n_mels, frames).
    """
    samples = np.asarray(samples, np.float32)
    weights = bands_of_bins(features)
    kept = np.empty_like(samples)
    for place, (own, mask) in enumerate(zip(samples, masks, strict=True)):
        spectra = samples_to_spectra(own[None], features)
        gains = np.asarray((weights @ mask).T, np.float32)
        kept[place] = spectra_to_samples(spectra * gains, features, own.size)[0]
    return kept, samples - kept


def bands_of_bins(features: Features) -> scipy.sparse.csr_array:
    """How much each band says of each frequency, (bins, n_mels); what is said of a frequency adds up to 1."""
    filters = mel_filters(features).toarray()
    centres = filters.argmax(axis=1)
    outside = np.flatnonzero(filters.sum(axis=0) <= 0)
    # A narrow filter may lie between two bins and reach none: then it has no say, and the nearest other has.
    reaching = np.flatnonzero(filters.any(axis=1))
    nearest = np.abs(outside[:, None] - centres[reaching][None]).argmin(axis=1)
    filters[reaching[nearest], outside] = 1
    return scipy.sparse.csr_array((filters / filters.sum(axis=0)).T)
