import type { Outcome } from '../../contracts/errors.ts';
import { parseJson } from '../../json/parse-json.ts';
import { errorIn, type Peer, reportedFailure, webPage } from '../http/failures.ts';

/** Reads an answer in JSON. Throws `SyntaxError` if the body is not JSON. */
export async function readJsonAnswer(response: Response, peer: Peer): Promise<Outcome<unknown>> {
  if (response.headers.get('content-type')?.includes('html')) return webPage(peer);
  const answer: unknown = parseJson(await response.text());
  const error = errorIn(answer);
  if (error) return reportedFailure(error, '', peer);
  return { ok: true, value: answer };
}
