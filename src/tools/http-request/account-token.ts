import type { BuiltinContext, ToolOutcome } from '../../contracts/agents/tool.ts';
import type { Json } from '../../json/json.ts';
import type { Egress, EgressRequest } from '../egress.ts';

/** The tokens that a request carried, for the redaction of its answer. */
export type SentTokens = Set<string>;

type Failed = ToolOutcome & { ok: false };

/**
 * Opens a request with the token of an integration, if the URL is that of the resource. A request
 * whose token is refused with 401 is sent once more with a new token: the server did nothing.
 */
export async function openAsAccount(
  egress: Egress,
  request: EgressRequest & { headers: Headers },
  integration: Json | undefined,
  context: BuiltinContext,
  sent: SentTokens,
): Promise<Awaited<ReturnType<Egress['open']>> | Failed> {
  if (typeof integration !== 'string') return egress.open(request);
  const authorize = async (rejected?: string): Promise<Failed | undefined> => {
    const access = await context.accessToken(integration, { url: request.url, rejected });
    if (!access.ok) return access;
    if (access.token === null) return undefined;
    sent.add(access.token);
    request.headers.set('authorization', `Bearer ${access.token}`);
    return undefined;
  };
  const failed = await authorize();
  if (failed) return failed;
  const opened = await egress.open(request);
  const [token] = sent;
  if (token === undefined || !opened.ok || opened.value.status !== 401) return opened;
  opened.value.body.destroy();
  return (await authorize(token)) ?? egress.open(request);
}
