import type { SpeechModelV4 } from '@ai-sdk/provider';
import type { ModelRef, Speech, SpeechRequest } from '../../../contracts/agents/model.ts';
import type { Outcome } from '../../../contracts/errors.ts';
import type { Json } from '../../../json/json.ts';
import { audioTypeOf } from '../../audio-format.ts';
import { createFailure } from '../../failure.ts';
import type { Peer } from '../../http/failures.ts';
import { checkPathPart } from '../models.ts';
import { formatWarning } from '../warnings.ts';

/** The names in `request_params` that are options of the package. */
const OPTIONS = [
  ...['voice', 'voice_id', 'instructions', 'speed', 'language'],
  ...['response_format', 'output_format', 'sample_rate'],
];

/** Returns a model without the parameters that are options, so that no body repeats them. */
export function withoutSpeechOptions(model: ModelRef): ModelRef {
  const others = Object.entries(model.request_params).filter(([name]) => !OPTIONS.includes(name));
  return { ...model, request_params: Object.fromEntries(others) };
}

/** Speaks a text. Throws the errors of the package. */
export async function speak(
  model: SpeechModelV4,
  { text, model: { request_params } }: SpeechRequest,
  abortSignal: AbortSignal,
  peer: Peer,
): Promise<Outcome<Speech>> {
  const { voice, voice_id, instructions, speed, language, sample_rate } = request_params;
  const format = request_params.output_format ?? request_params.response_format;
  const named = voice ?? voice_id;
  const checked = typeof named === 'string' ? checkPathPart('voice', named) : undefined;
  if (checked && !checked.ok) return checked;
  const answer = await model.doGenerate({
    text,
    abortSignal,
    ...ifText('voice', named),
    ...ifText('outputFormat', format),
    ...ifText('instructions', instructions),
    ...ifText('language', language),
    ...(typeof speed === 'number' && { speed }),
  });
  const { audio } = answer;
  const bytes = typeof audio === 'string' ? new Uint8Array(Buffer.from(audio, 'base64')) : audio;
  if (bytes.byteLength === 0) {
    return createFailure('bad_answer', `The answer of ${peer.host} contains no audio.`);
  }
  const warnings = answer.warnings.map(formatWarning);
  if (sample_rate !== undefined) {
    warnings.push('sample_rate was not sent: set the rate with output_format.');
  }
  const header = new Headers(answer.response.headers).get('content-type');
  const media_type = audioTypeOf(header, String(format ?? 'mp3').split('_')[0]);
  return {
    ok: true,
    value: { audio: bytes, media_type, ...(warnings.length > 0 && { warnings }) },
  };
}

function ifText(name: string, value: Json | undefined): Record<string, string> {
  return typeof value === 'string' ? { [name]: value } : {};
}
