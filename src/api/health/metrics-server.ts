import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Config } from '../../config.ts';
import { HowdahError } from '../../contracts/errors.ts';
import { inBrackets, isLoopback } from '../../network/addresses.ts';
import type { Readiness } from '../../telemetry/readiness.ts';
import { sendProblem } from '../errors/problem.ts';
import { createLoopbackGuard } from '../http/loopback-guard.ts';
import { pathOf } from '../http/path.ts';
import { setSecurityHeaders } from '../http/security-headers.ts';
import { readinessAnswer } from './health.ts';
import { createMetricsEndpoint, type MetricsOptions } from './metrics-endpoint.ts';

export type MetricsServer = { url: string; close(): Promise<void> };

const REQUEST_MS = 10_000;

/**
 * Starts a server for metrics on a port of its own, for processes without an API. Throws `HWDEN` if
 * everybody on the network could read the metrics: then a token is needed.
 */
export async function startMetricsServer(
  options: MetricsOptions & Pick<Config, 'host'> & { port: number; readiness: Readiness },
): Promise<MetricsServer> {
  const { host, port, metricsToken, readiness } = options;
  if (!isLoopback(host) && metricsToken === undefined) {
    throw new HowdahError('HWDEN', `metrics on ${host} would be readable without a token`, {
      hint: 'Set HOWDAH_METRICS_TOKEN to the output of: openssl rand -hex 24; or set HOST to a loopback address (127.0.0.1).',
      detail: { variable: 'HOWDAH_METRICS_TOKEN' },
    });
  }
  const endpoint = createMetricsEndpoint(options);
  const isLocal = createLoopbackGuard(host);
  const server = createServer({ requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS });
  server.on('request', (request, response) => {
    const path = pathOf(request.url);
    setSecurityHeaders(request, response, false);
    if (metricsToken === undefined && !isLocal(request)) {
      return sendProblem(response, 403, 'HWDEN', 'Host and Origin must be local.');
    }
    if (path === '/healthz') {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"ok"}');
    } else if (path === '/readyz') {
      void readiness.checks().then((checks) => {
        const { status, headers, body } = readinessAnswer(checks);
        response.writeHead(status, headers).end(body);
      });
    } else if (endpoint.serves(path)) {
      endpoint.handle(request, response).catch(() => response.destroy());
    } else {
      sendProblem(
        response,
        404,
        'HWNTF',
        'This server has only the paths /metrics, /healthz and /readyz.',
      );
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE') throw error;
    throw new HowdahError('EADDRINUSE', `port ${port} of ${host} is in use`, {
      hint: 'Set HOWDAH_METRICS_PORT to another port, or to 0 for any free port.',
      detail: { host, port },
      cause: error,
    });
  });
  return {
    url: `http://${inBrackets(host)}:${(server.address() as AddressInfo).port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
