import type { ImageGenerateParamsNonStreaming } from 'openai/resources/images';
import type { GeneratedImage, ImageRequest, ModelRef } from '../../contracts/agents/model.ts';
import type { Outcome } from '../../contracts/errors.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { reportedUsage } from '../answers/tokens.ts';
import { createFailure } from '../failure.ts';
import { decodeImage, refuseImageAddress } from '../image-format.ts';
import type { Line } from './embed.ts';
import { readJsonAnswer } from './json-answer.ts';

/** Models that always answer with the image itself, and reject the parameter that requests it. */
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
  if (!image.ok) return image;
  const usage = isJsonObject(answer.usage) ? answer.usage : {};
  const counts = reportedUsage(usage.input_tokens, usage.output_tokens);
  return { ok: true, value: { ...image.value, ...counts } };
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
