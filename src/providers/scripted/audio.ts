import type { Speech, Transcription } from '../../contracts/agents/model.ts';
import type { Outcome } from '../../contracts/errors.ts';
import { createFailure } from '../failure.ts';
import type { ScriptStep } from './script.ts';

/** Returns the speech of a step, for any text. */
export function speechIn(step: ScriptStep | null): Outcome<Speech> {
  if (step?.speech === undefined) return missing('speech', '{"audio": "UklGRg==", …}');
  const { audio, media_type } = step.speech;
  return { ok: true, value: { audio: new Uint8Array(Buffer.from(audio, 'base64')), media_type } };
}

/** Returns the transcript of a step, for any recording. */
export function transcriptIn(step: ScriptStep | null): Outcome<Transcription> {
  if (step?.transcript === undefined) return missing('transcript', '"Where is my order?"');
  return { ok: true, value: { text: step.transcript } };
}

function missing(field: string, example: string) {
  const message = `The script has no ${field} in its first step; add "${field}": ${example}.`;
  return createFailure('script_mismatch', message);
}
