import { pino } from 'pino';
import { type ApiServer, startApi } from '../../../src/api/server.ts';

/**
 * Starts an API server with connections of its own, as a separate process would have them. It needs
 * no login and listens on a free port of the loopback address.
 */
export function startApiServer(
  url: string,
  more: { poolerUrl?: string; replicaUrl?: string } = {},
): Promise<ApiServer> {
  return startApi({
    ...{ url, host: '127.0.0.1', port: 0, auth: 'none', corsOrigins: [] },
    ...{ jwtSecret: undefined, jwksUrl: undefined },
    ...{ graphqlIntrospection: false, graphqlOperations: undefined },
    log: pino({ level: 'silent' }),
    ...more,
  });
}

/** Result of a GraphQL request: the names of the prompts in it, and the WAL position after it. */
export type GraphqlReply = { ok: boolean; names: string[]; position: string | null };

/** Sends a GraphQL request, with the position that the answer must at least reflect. */
export async function sendGraphql(
  api: ApiServer,
  query: string,
  position?: string | null,
): Promise<GraphqlReply> {
  try {
    const response = await fetch(`${api.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(position && { 'x-howdah-lsn': position }),
      },
      body: JSON.stringify({ query }),
    });
    const { data, errors } = (await response.json()) as {
      data?: { prompts?: { nodes: { name: string }[] } };
      errors?: unknown[];
    };
    const names = data?.prompts?.nodes.map(({ name }) => name) ?? [];
    const isGood = response.ok && errors === undefined;
    return { ok: isGood, names, position: response.headers.get('x-howdah-lsn') };
  } catch {
    return { ok: false, names: [], position: null };
  }
}

/** Returns a mutation that creates a prompt. */
export const createPromptMutation = (name: string) =>
  `mutation { createPrompt(input: { prompt: { name: "${name}", template: "x" } }) { prompt { name } } }`;

/** A query of the newest prompts. */
export const NEWEST_PROMPTS = '{ prompts(first: 20, orderBy: ID_DESC) { nodes { name } } }';
