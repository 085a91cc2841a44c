import { MAX_AUDIO_BYTES } from '../contracts/agents/model.ts';
import type { Failure } from '../contracts/errors.ts';
import { createFailure } from './failure.ts';

/** Media types of audio, each with the extension by which servers recognise a file. */
const EXTENSIONS: Readonly<Record<string, string>> = {
  'audio/wav': 'wav',
  'audio/x-wav': 'wav',
  'audio/mpeg': 'mp3',
  'audio/mp4': 'm4a',
  'audio/ogg': 'ogg',
  'audio/opus': 'opus',
  'audio/flac': 'flac',
  'audio/aac': 'aac',
  'audio/webm': 'webm',
};

/** Returns the extension of a file with audio of a media type. */
export function extensionOf(mediaType: string): string {
  return EXTENSIONS[baseType(mediaType)] ?? 'bin';
}

/**
 * Returns the media type of an answer with audio. A header such as `application/octet-stream` says
 * nothing, so the requested format decides.
 */
export function audioTypeOf(header: string | null, format: unknown): string {
  const type = baseType(header ?? '');
  if (type.startsWith('audio/')) return type;
  const found = Object.entries(EXTENSIONS).find(([, extension]) => extension === format);
  return found?.[0] ?? (format === 'pcm' ? 'audio/pcm' : 'audio/mpeg');
}

/** Returns the failure of a recording that is empty or too large to be sent, if it is. */
export function refuseAudio(audio: Uint8Array): Failure | undefined {
  if (audio.byteLength === 0) return createFailure('invalid_request', 'The recording is empty.');
  if (audio.byteLength <= MAX_AUDIO_BYTES) return undefined;
  const most = MAX_AUDIO_BYTES / 1024 / 1024;
  const size = (audio.byteLength / 1024 / 1024).toFixed(1);
  const message = `The recording has ${size} MB; at most ${most} MB are sent. Split the recording.`;
  return createFailure('invalid_request', message);
}

function baseType(mediaType: string): string {
  return (mediaType.split(';')[0] ?? '').trim().toLowerCase();
}
