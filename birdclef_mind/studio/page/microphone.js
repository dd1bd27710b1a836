// The microphone: its samples are sent to the studio a fifth of a second at a time, in order; a slow answer lets them pile up, never the sound stop.
import { ask } from "./common.js";

const CHUNK_S = 0.2, MOST_WAITING = 50;

export async function record(number, lost) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
  const context = new AudioContext();
  const off = async () => {
    for (const track of stream.getTracks()) track.stop();
    if (context.state !== "closed") await context.close();
  };
  try { await context.audioWorklet.addModule("page/capture.js"); }
  catch (error) { await off(); throw error; }
  const node = new AudioWorkletNode(context, "capture", { processorOptions: { samples: Math.round(CHUNK_S * context.sampleRate) } });
  const waiting = [];
  let sending = null, open = true;
  const sendAll = async () => {
    while (waiting.length && open) {
      const parts = waiting.splice(0, 5);
      try { await ask(`recordings/${number}/samples?rate=${context.sampleRate}`, undefined, { method: "POST", body: new Blob(parts) }); }
      catch (error) { open = false; await off(); lost(error); }
    }
    sending = null;
  };
  const send = () => { sending ??= sendAll(); return sending; };
  node.port.onmessage = ({ data }) => {
    if (!open) return;
    waiting.push(data);
    if (waiting.length > MOST_WAITING) waiting.shift();
    send();
  };
  context.createMediaStreamSource(stream).connect(node);
  return async () => {
    await off();
    await send();
    open = false;
    await ask(`recordings/${number}/end`, {}).catch(() => {});
  };
}
