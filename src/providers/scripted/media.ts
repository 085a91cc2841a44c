import type {
  GeneratedImage,
  Ranking,
  RerankRequest,
  Speech,
  Transcription,
} from '../../contracts/agents/model.ts';
import type { Outcome } from '../../contracts/errors.ts';
import { firstCharacters } from '../../text/truncate.ts';
import { createFailure } from '../failure.ts';
import { decodeImage } from '../image-format.ts';
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

/** Returns the image of a step, for any description. */
export function imageIn(step: ScriptStep | null): Outcome<GeneratedImage> {
  if (step?.image === undefined) return missing('image', '"iVBORw0KGgo…"');
  return decodeImage(step.image, { host: 'the script', model: '', key: null });
}

/** Ranks the documents by the scores of a step. The first key in a document gives its score. */
export function rankingBy(step: ScriptStep | null, request: RerankRequest): Outcome<Ranking> {
  const known = Object.entries(step?.scores ?? {});
  const documents: Ranking['documents'] = [];
  for (const [index, text] of request.documents.entries()) {
    const found = known.find(([key]) => text.includes(key));
    if (!found) {
      const keys = known.map(([key]) => key).join(', ') || '(none)';
      const message = `The script has no score for "${firstCharacters(text, 200)}"; its scores: ${keys}.`;
      return createFailure('script_mismatch', message);
    }
    documents.push({ index, score: found[1] });
  }
  return { ok: true, value: { documents: documents.sort((a, b) => b.score - a.score) } };
}

function missing(field: string, example: string) {
  const message = `The script has no ${field} in its first step; add "${field}": ${example}.`;
  return createFailure('script_mismatch', message);
}
