import type { ImageGenerateParamsNonStreaming } from 'openai/resources/images';
import type {
  GeneratedImage,
  ImageRequest,
  ModelRef,
  Usage,
} from '../../contracts/agents/model.ts';
import type { Outcome } from '../../contracts/errors.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { createFailure } from '../failure.ts';
import { decodeImage, refuseImageAddress } from '../image-format.ts';
import { tokenCount } from '../tokens.ts';
import type { Line } from './embed.ts';
import { readJsonAnswer } from './json-answer.ts';

/** Models that always answer with data, and refuse the parameter that asks for it. */
const ANSWERS_WITH_DATA = /^(chat)?gpt-image/;

/** Sends `POST /images/generations`. Throws the errors of the client. */
export async function generateImage(
  { client, watch, peer }: Line,
  { model, prompt }: ImageRequest,
): Promise<Outcome<GeneratedImage>> {
  const body = { ...imageParams(model), model: model.model, prompt };
  const sent = client.images.generate(body as ImageGenerateParamsNonStreaming, {
    signal: watch.signal,
  });
  const response = await sent.asResponse();
  watch.touch();
  const read = await readJsonAnswer(response, peer);
  if (!read.ok) return read;
  const answer = isJsonObject(read.value) ? read.value : {};
  const first = Array.isArray(answer.data) ? answer.data[0] : undefined;
  const { b64_json, url } = isJsonObject(first) ? first : {};
  const found = b64_json || url;
  if (typeof found !== 'string' || found === '') {
    return createFailure('bad_answer', `The answer of ${peer.host} contains no image.`);
  }
  if (found === url && !found.startsWith('data:')) return refuseImageAddress(peer);
  const image = decodeImage(found, peer);
  return image.ok ? { ok: true, value: { ...image.value, ...usageIn(answer) } } : image;
}

/**
 * Returns the parameters of a request for an image. It asks for the image itself, unless
 * `response_format` is set. A parameter that is null is not sent.
 */
function imageParams({ model, request_params }: ModelRef): JsonObject {
  const format = ANSWERS_WITH_DATA.test(model) ? {} : { response_format: 'b64_json' };
  const params = Object.entries({ ...format, ...request_params });
  return Object.fromEntries(params.filter(([, value]) => value !== null));
}

function usageIn({ usage }: JsonObject): { usage?: Usage } {
  if (!isJsonObject(usage)) return {};
  const tokens_in = tokenCount(usage.input_tokens);
  const tokens_out = tokenCount(usage.output_tokens);
  if (tokens_in === null && tokens_out === null) return {};
  return { usage: { tokens_in: tokens_in ?? 0, tokens_out: tokens_out ?? 0 } };
}
