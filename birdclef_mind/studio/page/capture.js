// Runs beside the sound: gathers samples of the first channel and hands them on, a chunk at a time.
class Capture extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.chunk = new Float32Array(processorOptions.samples);
    this.held = 0;
  }

  process([input]) {
    const samples = input[0];
    if (!samples) return true;
    let taken = 0;
    while (taken < samples.length) {
      const some = Math.min(samples.length - taken, this.chunk.length - this.held);
      this.chunk.set(samples.subarray(taken, taken + some), this.held);
      this.held += some;
      taken += some;
      if (this.held === this.chunk.length) {
        this.port.postMessage(this.chunk.slice().buffer);
        this.held = 0;
      }
    }
    return true;
  }
}
registerProcessor("capture", Capture);
