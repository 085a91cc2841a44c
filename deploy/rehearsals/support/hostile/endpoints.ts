import type { Endpoint, Fixtures } from './endpoint.ts';
import { graphqlEndpoints } from './graphql-endpoints.ts';
import { agentEndpoints, mcpEndpoints } from './protocol-endpoints.ts';
import { restEndpoints } from './rest-endpoints.ts';
import { runEndpoints } from './runs/run-endpoints.ts';
import { socketEndpoints } from './socket-endpoints.ts';

/**
 * Lists every endpoint of a server that takes a body, from the server's own descriptions, and
 * endpoints that run what they wrote.
 */
export async function allEndpoints(
  url: string,
  token: string,
  fixtures: Fixtures,
): Promise<Endpoint[]> {
  return [
    ...(await restEndpoints(url, fixtures)),
    ...(await graphqlEndpoints(url, token)),
    ...(await mcpEndpoints(url, token)),
    ...agentEndpoints(url, fixtures),
    ...socketEndpoints(url, fixtures),
    ...(await runEndpoints(url, token)),
  ];
}
