import type {
  Speech,
  SpeechRequest,
  Transcription,
  TranscriptionRequest,
} from '../../contracts/agents/model.ts';
import type { Outcome } from '../../contracts/errors.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { audioTypeOf, extensionOf, refuseAudio } from '../audio-format.ts';
import { createFailure } from '../failure.ts';
import { type Peer, reportedFailure, webPage } from '../http/failures.ts';
import type { Line } from './embed.ts';
import { readJsonAnswer } from './json-answer.ts';

/** The voice of OpenAI for a model that names none. The API requires one. */
const DEFAULT_VOICE = 'alloy';

/** Sends `POST /audio/speech`. Throws the errors of the client. */
export async function synthesizeSpeech(
  { client, watch, peer }: Line,
  { model, text }: SpeechRequest,
): Promise<Outcome<Speech>> {
  const { params, warnings } = speechParams(model.request_params);
  const body = { voice: DEFAULT_VOICE, ...params, model: model.model, input: text };
  const response = await client.audio.speech.create(body, { signal: watch.signal });
  watch.touch();
  const refused = await refuseText(response, peer);
  if (refused) return refused;
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body ?? []) {
    watch.touch();
    chunks.push(chunk);
  }
  const audio = new Uint8Array(Buffer.concat(chunks));
  if (audio.byteLength === 0) {
    return createFailure('bad_answer', `The answer of ${peer.host} contains no audio.`);
  }
  const media_type = audioTypeOf(response.headers.get('content-type'), body.response_format);
  return { ok: true, value: { audio, media_type, ...(warnings.length > 0 && { warnings }) } };
}

/**
 * Returns the parameters of a request for speech. Configurations of other systems write `voice_id`
 * for the voice, and a `sample_rate` that OpenAI's API does not have.
 */
function speechParams(requestParams: JsonObject): { params: SpeechParams; warnings: string[] } {
  const { voice_id, sample_rate, stream_format: _, ...params } = requestParams;
  const voice = requestParams.voice ?? voice_id;
  const warning = `sample_rate ${JSON.stringify(sample_rate)} was not sent: OpenAI's API has no such parameter. Set response_format.`;
  return {
    params: { ...params, ...(typeof voice === 'string' && { voice }) } as SpeechParams,
    warnings: sample_rate === undefined ? [] : [warning],
  };
}
type SpeechParams = { voice?: string; response_format?: 'mp3' };

/** Returns the failure of an answer that is a web page or JSON instead of audio, if it is. */
async function refuseText(response: Response, peer: Peer) {
  const type = response.headers.get('content-type')?.toLowerCase() ?? '';
  if (type.includes('html')) return webPage(peer);
  if (!type.includes('json')) return undefined;
  const answer: unknown = parseJson(await response.text());
  if (isJsonObject(answer) && answer.error) return reportedFailure(answer.error, '', peer);
  return createFailure('bad_answer', `${peer.host} answered with JSON instead of audio.`);
}

/** Sends `POST /audio/transcriptions`. Throws the errors of the client. */
export async function transcribe(
  { client, watch, peer, sdk }: Line,
  { model, audio, media_type }: TranscriptionRequest,
): Promise<Outcome<Transcription>> {
  const refused = refuseAudio(audio);
  if (refused) return refused;
  const { response_format, sample_rate: _, ...params } = model.request_params;
  const name = `audio.${extensionOf(media_type)}`;
  const body = {
    ...params,
    model: model.model,
    file: await sdk.toFile(audio, name, { type: media_type }),
    response_format: response_format === 'verbose_json' ? 'verbose_json' : 'json',
  } as const;
  const sent = client.audio.transcriptions.create(body, { signal: watch.signal });
  const response = await sent.asResponse();
  watch.touch();
  const read = await readJsonAnswer(response, peer);
  if (!read.ok) return read;
  const answer = read.value;
  if (!isJsonObject(answer) || typeof answer.text !== 'string') {
    return createFailure('bad_answer', `The answer of ${peer.host} is not a transcription.`);
  }
  const { text, language, duration } = answer;
  const seconds = Number(duration ?? Number.NaN);
  return {
    ok: true,
    value: {
      text,
      ...(typeof language === 'string' && { language }),
      ...(Number.isFinite(seconds) && { seconds }),
    },
  };
}
