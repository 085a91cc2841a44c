import { HowdahError } from '../../contracts/errors.ts';
import { MAX_OPENAPI_BYTES } from '../../systems/openapi/document.ts';
import { createEgress } from '../../tools/egress.ts';
import { readUtf8File, readUtf8Stream, utf8Text } from '../input/utf8-text.ts';
import type { CliIo } from '../output/output.ts';

const FETCH_MS = 30_000;

/**
 * An OpenAPI description: a file, `-` for standard input, or a URL, which is fetched under the
 * egress guard. `url` is the source address.
 */
export type OpenApiSource = { name: string; text: string; url?: string };

/** Reads an OpenAPI description. Throws `HWNTF` if there is none, or `HWINV` if it is not UTF-8. */
export async function readOpenApi(io: CliIo, place: string): Promise<OpenApiSource> {
  if (place === '-') return { name: 'stdin', text: await readUtf8Stream(io.stdin, 'stdin') };
  if (/^https?:\/\//i.test(place)) return fetchOpenApi(io, place);
  const text = await readUtf8File(place).catch((cause: NodeJS.ErrnoException | HowdahError) => {
    if (cause instanceof HowdahError) throw cause;
    throw unreadable(
      place,
      cause.code === 'ENOENT' ? 'there is no such file' : cause.message,
      cause,
    );
  });
  return { name: place, text };
}

async function fetchOpenApi(io: CliIo, place: string): Promise<OpenApiSource> {
  const { egressAllow } = await io.config();
  const egress = createEgress({ allowPrivate: egressAllow });
  const answer = await egress.send({
    url: place,
    headers: new Headers({
      accept: 'application/json, application/yaml, */*',
      'user-agent': 'howdah',
    }),
    signal: AbortSignal.timeout(FETCH_MS),
    maxBytes: MAX_OPENAPI_BYTES,
  });
  if (!answer.ok) throw unreadable(place, answer.error.message);
  const { status, body, url } = answer.value;
  if (status !== 200) throw unreadable(place, `the server answered with status ${status}`);
  return { name: place, text: utf8Text(body, place), url };
}

function unreadable(place: string, why: string, cause?: unknown): HowdahError {
  return new HowdahError('HWNTF', `cannot read ${place}: ${why}`, {
    hint: 'Name a file or URL with an OpenAPI description in JSON or YAML.',
    detail: { file: place },
    cause,
  });
}
