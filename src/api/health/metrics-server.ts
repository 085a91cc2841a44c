import { once } from 'node:events';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Config } from '../../config.ts';
import { HowdahError } from '../../contracts/errors.ts';
import { inBrackets, isLoopback } from '../../network/addresses.ts';
import type { Readiness } from '../../telemetry/readiness.ts';
import { sendProblem } from '../errors/problem.ts';
import { explainListenError } from '../http/listen-error.ts';
import { createLoopbackGuard } from '../http/loopback-guard.ts';
import { pathOf } from '../http/path.ts';
import { setSecurityHeaders } from '../http/security-headers.ts';
import { readinessAnswer } from './health.ts';
import { createMetricsEndpoint, type MetricsOptions } from './metrics-endpoint.ts';

export type MetricsServer = { url: string; close(): Promise<void> };

type MetricsServerOptions = MetricsOptions &
  Pick<Config, 'host'> & { port: number; readiness: Readiness };

const REQUEST_MS = 10_000;

/**
 * Starts a server for metrics on a port of its own, for processes without an API. Throws `HWDEN` if
 * everybody on the network could read the metrics: then a token is needed.
 */
export async function startMetricsServer(options: MetricsServerOptions): Promise<MetricsServer> {
  const { host, port } = options;
  refuseOpenMetrics(options);
  const server = createServer({ requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS });
  server.on('request', createHandler(options));
  await listen(server, { host, port });
  return {
    url: `http://${inBrackets(host)}:${(server.address() as AddressInfo).port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function refuseOpenMetrics({ host, metricsToken }: MetricsServerOptions): void {
  if (isLoopback(host) || metricsToken !== undefined) return;
  throw new HowdahError('HWDEN', `metrics on ${host} would be readable without a token`, {
    hint: 'Set HOWDAH_METRICS_TOKEN to the output of: openssl rand -hex 24; or set HOST to a loopback address (127.0.0.1).',
    detail: { variable: 'HOWDAH_METRICS_TOKEN' },
  });
}

const NOT_LOCAL =
  'Without HOWDAH_METRICS_TOKEN, only this machine may read the metrics: Host and Origin must be local, and no proxy may pass the request on.';

/** Serves `/metrics`, `/healthz` and `/readyz`. Without a token, only to local requests. */
function createHandler(options: MetricsServerOptions): RequestListener {
  const { host, metricsToken, readiness } = options;
  const endpoint = createMetricsEndpoint(options);
  const rejectionOf = createLoopbackGuard(host);
  return (request, response) => {
    const path = pathOf(request.url);
    setSecurityHeaders(request, response, false);
    if (metricsToken === undefined && rejectionOf(request) !== undefined) {
      return sendProblem(response, 403, 'HWDEN', NOT_LOCAL);
    }
    if (path === '/healthz') {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"ok"}');
    } else if (path === '/readyz') {
      void sendReadiness(response, readiness);
    } else if (endpoint.serves(path)) {
      endpoint.handle(request, response).catch(() => response.destroy());
    } else {
      const detail = 'This server has only the paths /metrics, /healthz and /readyz.';
      sendProblem(response, 404, 'HWNTF', detail);
    }
  };
}

async function sendReadiness(response: ServerResponse, readiness: Readiness): Promise<void> {
  const { status, headers, body } = readinessAnswer(await readiness.checks());
  response.writeHead(status, headers).end(body);
}

async function listen(server: Server, address: { host: string; port: number }): Promise<void> {
  server.listen(address);
  await once(server, 'listening').catch((error: unknown) => {
    const hint = 'Set HOWDAH_METRICS_PORT to another port, or to 0 for any free port.';
    throw explainListenError(error, address, hint);
  });
}
