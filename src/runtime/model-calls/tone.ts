const RATE = 16_000;
/** The length of the recording, in seconds. */
export const TONE_SECONDS = 0.5;
const HERTZ = 440;
const HEADER_BYTES = 44;

/** Creates a recording for tests: half a second of a tone, as a WAV file (16 kHz, mono, 16 bit). */
export function createTone(): Uint8Array {
  const samples = RATE * TONE_SECONDS;
  const wav = Buffer.alloc(HEADER_BYTES + samples * 2);
  wav.write('RIFF', 0);
  wav.writeUInt32LE(wav.byteLength - 8, 4);
  wav.write('WAVEfmt ', 8);
  wav.writeUInt32LE(16, 16); // size of the format
  wav.writeUInt16LE(1, 20); // PCM
  wav.writeUInt16LE(1, 22); // mono
  wav.writeUInt32LE(RATE, 24);
  wav.writeUInt32LE(RATE * 2, 28); // bytes per second
  wav.writeUInt16LE(2, 32); // bytes per sample
  wav.writeUInt16LE(16, 34); // bits per sample
  wav.write('data', 36);
  wav.writeUInt32LE(samples * 2, 40);
  for (let at = 0; at < samples; at++) {
    const level = Math.sin((2 * Math.PI * HERTZ * at) / RATE) * 0.3;
    wav.writeInt16LE(Math.round(level * 32_767), HEADER_BYTES + at * 2);
  }
  return new Uint8Array(wav);
}
