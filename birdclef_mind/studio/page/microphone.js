// The microphone: its samples are sent to the studio a fifth of a second at a time, in order; a slow answer lets them pile up, never the sound stop.
import { ask } from "./common.js";

const CHUNK_S = 0.2, MOST_WAITING = 50;

export async function record(number, lost) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
  const context = new AudioContext();
  await context.audioWorklet.addModule("page/capture.js");
  const node = new AudioWorkletNode(context, "capture", { processorOptions: { samples: Math.round(CHUNK_S * context.sampleRate) } });
  const waiting = [];
  let sending = false, open = true;
  const send = async () => {
    if (sending) return;
    sending = true;
    while (waiting.length) {
      const parts = waiting.splice(0, 5);
      try { await ask(`recordings/${number}/samples?rate=${context.sampleRate}`, undefined, { method: "POST", body: new Blob(parts) }); }
      catch (error) { open = false; lost(error); break; }
    }
    sending = false;
  };
  node.port.onmessage = ({ data }) => {
    if (!open) return;
    waiting.push(data);
    if (waiting.length > MOST_WAITING) waiting.shift();
    send();
  };
  context.createMediaStreamSource(stream).connect(node);
  return async () => {
    for (const track of stream.getTracks()) track.stop();
    await context.close();
    await send();
    open = false;
    await ask(`recordings/${number}/end`, {}).catch(() => {});
  };
}
