import type { ImageModelV4, ImageModelV4CallOptions } from '@ai-sdk/provider';
import type {
  GeneratedImage,
  ImageRequest,
  ModelRef,
  Usage,
} from '../../../contracts/agents/model.ts';
import type { Outcome } from '../../../contracts/errors.ts';
import type { Json } from '../../../json/json.ts';
import { createFailure } from '../../failure.ts';
import type { Peer } from '../../http/failures.ts';
import type { Fetch } from '../../http/guarded-fetch.ts';
import { decodeImage, refuseImageAddress } from '../../image-format.ts';
import { tokenCount } from '../../tokens.ts';
import { formatWarning } from '../warnings.ts';

/** The names in `request_params` that are options of the package, or fields of each request. */
const OPTIONS = ['size', 'aspect_ratio', 'seed', 'response_format', 'prompt'];

/** Returns a model without the parameters that are options, so that no body repeats them. */
export function withoutImageOptions(model: ModelRef): ModelRef {
  const others = Object.entries(model.request_params).filter(([name]) => !OPTIONS.includes(name));
  return { ...model, request_params: Object.fromEntries(others) };
}

/** Makes one image. Throws the errors of the package. */
export async function makeImage(
  model: ImageModelV4,
  { prompt, model: { request_params } }: ImageRequest,
  abortSignal: AbortSignal,
  peer: Peer,
): Promise<Outcome<GeneratedImage>> {
  const { size, aspect_ratio, seed } = request_params;
  const options: ImageModelV4CallOptions = {
    ...{ prompt, n: 1, files: undefined, mask: undefined, providerOptions: {}, abortSignal },
    size: pair(size, 'x') as ImageModelV4CallOptions['size'],
    aspectRatio: pair(aspect_ratio, ':') as ImageModelV4CallOptions['aspectRatio'],
    seed: typeof seed === 'number' ? seed : undefined,
  };
  const answer = await Promise.resolve(model.doGenerate(options)).catch((error: unknown) => {
    if (isDownload(error)) return null;
    throw error;
  });
  if (answer === null) return refuseImageAddress(peer);
  const [first] = answer.images;
  if (first === undefined) {
    const isBlocked = answer.isRetryable === false;
    return isBlocked
      ? createFailure('content_filtered', `The content filter of ${peer.host} refused the image.`)
      : createFailure('bad_answer', `The answer of ${peer.host} contains no image.`);
  }
  const image = decodeImage(first, peer);
  if (!image.ok) return image;
  const warnings = answer.warnings.map(formatWarning);
  return {
    ok: true,
    value: {
      ...image.value,
      ...usageOf(answer.usage),
      ...(warnings.length > 0 && { warnings }),
    },
  };
}

/** Returns two numbers with their separator, as in 1024x1024, or undefined. */
function pair(value: Json | undefined, separator: 'x' | ':'): string | undefined {
  const isPair = typeof value === 'string' && /^\d+[x:]\d+$/.test(value);
  return isPair && value.includes(separator) ? value : undefined;
}

function usageOf(
  usage: { inputTokens: number | undefined; outputTokens: number | undefined } | undefined,
): { usage?: Usage } {
  const tokens_in = tokenCount(usage?.inputTokens);
  const tokens_out = tokenCount(usage?.outputTokens);
  if (tokens_in === null && tokens_out === null) return {};
  return { usage: { tokens_in: tokens_in ?? 0, tokens_out: tokens_out ?? 0 } };
}

/** The error of a download that a package tried. */
class RefusedDownload extends Error {}

/**
 * Wraps a fetch: it refuses all requests but POST. Packages download an image whose address a
 * vendor answers, from any server that the answer names.
 */
export function withoutDownloads(fetch: Fetch): Fetch {
  return async (input, init) => {
    const method = init?.method ?? (input instanceof Request ? input.method : 'GET');
    if (method.toUpperCase() !== 'POST') throw new RefusedDownload('Downloads are refused.');
    return fetch(input, init);
  };
}

/** Returns whether an error is that of a download, which some packages refuse by themselves. */
function isDownload(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const isOurs = error instanceof RefusedDownload || error.cause instanceof RefusedDownload;
  return isOurs || error.name === 'AI_DownloadError';
}
