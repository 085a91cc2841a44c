import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Config } from '../../config.ts';
import type { ApiMetrics } from '../../telemetry/metrics.ts';
import { equalInConstantTime } from '../../text/equal-in-constant-time.ts';
import { sendProblem } from '../errors/problem.ts';
import { whenClosed } from '../limits/connection-draining.ts';
import { metricsPath } from './health-paths.ts';

export type MetricsOptions = Pick<Config, 'auth' | 'metricsToken'> & { metrics: ApiMetrics };

/** The endpoint `GET /metrics`, and the counter of requests. */
export type MetricsEndpoint = {
  serves(path: string): boolean;
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Counts a request when its answer has ended. */
  watch(path: string, request: IncomingMessage, response: ServerResponse): void;
};

/**
 * The first segments of the paths of this server. Any other segment is an arbitrary text of a
 * client and is counted as `other`.
 */
const ENDPOINTS = new Set(
  'a2a ag-ui agent-systems api docs graphiql graphql healthz hooks login mcp metrics oauth openapi.json query readyz schemas sessions tools v1 ws'.split(
    ' ',
  ),
);

/**
 * Creates the endpoint. Metrics are of the whole server and not of a tenant, so the login of a
 * tenant does not open them. They are read with the token of the environment. Without such a token,
 * they are open to every caller on this machine if no login is required.
 */
export function createMetricsEndpoint({
  metrics,
  auth,
  metricsToken,
}: MetricsOptions): MetricsEndpoint {
  return {
    serves: (path) => path === metricsPath.path,
    async handle(request, response) {
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.setHeader('allow', 'GET, HEAD');
        return sendProblem(response, 405, 'HWINV', 'Read metrics by GET.');
      }
      if (metricsToken === undefined && auth === 'required') {
        return sendProblem(response, 403, 'HWDEN', NO_TOKEN, { hint: HINT });
      }
      if (metricsToken !== undefined && !hasToken(request, metricsToken)) {
        response.setHeader('www-authenticate', 'Bearer');
        return sendProblem(response, 401, 'HWDEN', WRONG_TOKEN, { hint: HINT });
      }
      const text = await metrics.text();
      response.writeHead(200, {
        'content-type': metrics.contentType,
        'content-length': Buffer.byteLength(text),
        'cache-control': 'no-store',
      });
      response.end(request.method === 'HEAD' ? undefined : text);
    },
    watch(path, { method = '' }, response) {
      const since = performance.now();
      const [, first = ''] = path.split('/', 2);
      const endpoint = path === '/' ? '/' : ENDPOINTS.has(first) ? first : 'other';
      whenClosed(response, () => {
        metrics.countRequest(
          endpoint,
          method,
          response.statusCode,
          (performance.now() - since) / 1000,
        );
      });
    },
  };
}

const NO_TOKEN =
  'Metrics cover the whole server: if a login is required, metrics need their own token.';
const WRONG_TOKEN = 'The token is not the metrics token of this server.';
const HINT =
  'Set HOWDAH_METRICS_TOKEN to the output of: openssl rand -hex 24, and send it: Authorization: Bearer …';

/** Returns whether a request has the token. */
function hasToken({ headers }: IncomingMessage, token: string): boolean {
  const [, sent = ''] = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '') ?? [];
  return equalInConstantTime(sent, token);
}
