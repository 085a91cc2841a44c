import type { ImageModelV4, ImageModelV4CallOptions } from '@ai-sdk/provider';
import type { GeneratedImage, ImageRequest } from '../../../contracts/agents/model.ts';
import type { Outcome } from '../../../contracts/errors.ts';
import type { Json } from '../../../json/json.ts';
import { reportedUsage } from '../../answers/tokens.ts';
import { createFailure } from '../../failure.ts';
import type { Peer } from '../../http/failures.ts';
import type { Fetch } from '../../http/restricted-fetch.ts';
import { decodeImage, refuseImageAddress } from '../../image-format.ts';
import { formatWarning } from '../warnings.ts';

/** The names in `request_params` that are options of the package, or fields of each request. */
export const IMAGE_OPTIONS = ['size', 'aspect_ratio', 'seed', 'response_format', 'prompt'];

/** Generates one image. Throws the errors of the package. */
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
      ...reportedUsage(answer.usage?.inputTokens, answer.usage?.outputTokens),
      ...(warnings.length > 0 && { warnings }),
    },
  };
}

/** Returns two numbers with their separator, as in 1024x1024, or undefined. */
function pair(value: Json | undefined, separator: 'x' | ':'): string | undefined {
  const isPair = typeof value === 'string' && /^\d+[x:]\d+$/.test(value);
  return isPair && value.includes(separator) ? value : undefined;
}

/** Error of a download that a package tried. */
class RefusedDownload extends Error {}

/**
 * Wraps a fetch so that it rejects all requests but POST. If a vendor answers with the address of
 * an image, a package would download the image from any server.
 */
export function withoutDownloads(fetch: Fetch): Fetch {
  return async (input, init) => {
    const method = init?.method ?? (input instanceof Request ? input.method : 'GET');
    if (method.toUpperCase() !== 'POST') throw new RefusedDownload('Downloads are refused.');
    return fetch(input, init);
  };
}

/** Returns whether an error rejects a download. Some packages reject downloads by themselves. */
function isDownload(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const isOurs = error instanceof RefusedDownload || error.cause instanceof RefusedDownload;
  return isOurs || error.name === 'AI_DownloadError';
}
