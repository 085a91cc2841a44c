import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { PACKAGE_ROOT } from '../package-root.ts';

/** The viewer that `npm run build:pages` writes: `npm install` runs it in a checkout. */
const VIEWER = join(PACKAGE_ROOT, 'dist/pages/scalar.js');

/** The options of the viewer: it must neither load nor send anything elsewhere. */
const OPTIONS = {
  url: '../openapi.json',
  withDefaultFonts: false,
  telemetry: false,
  hideClientButton: true,
  agent: { disabled: true },
  mcp: { disabled: true },
  showDeveloperTools: 'never',
};

/**
 * Serves the description of the REST API in Scalar, at `/docs/reference`: with search, and requests
 * to try. Its policy lets the browser contact this server alone. Scalar needs inline styles.
 */
export function referenceRoutes(app: FastifyInstance): void {
  app.get('/docs/reference', (_request, reply) => {
    const nonce = randomBytes(16).toString('base64');
    return reply
      .header('content-security-policy', policyFor(nonce))
      .type('text/html; charset=utf-8')
      .send(renderPage(nonce));
  });
  app.get('/docs/reference/scalar.js', async (request, reply) => {
    if (!existsSync(VIEWER)) return reply.callNotFound();
    const viewer = await readFile(VIEWER);
    const etag = `"${createHash('sha256').update(viewer).digest('base64url')}"`;
    reply.header('etag', etag).header('cache-control', 'no-cache');
    if (request.headers['if-none-match'] === etag) return reply.code(304).send();
    return reply.type('text/javascript; charset=utf-8').send(viewer);
  });
}

function policyFor(nonce: string): string {
  return [
    "default-src 'none'",
    `script-src 'self' 'nonce-${nonce}'`,
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self' data:",
    "connect-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

function renderPage(nonce: string): string {
  const start = `Scalar.createApiReference('#app', ${JSON.stringify(OPTIONS)})`;
  const content = existsSync(VIEWER)
    ? `<div id="app"></div>
<script nonce="${nonce}" src="reference/scalar.js"></script>
<script nonce="${nonce}">${start}</script>`
    : 'The viewer is not built. Run <code>npm run build:pages</code> in the checkout, and reload this page. <a href="../docs">/docs</a> needs no build.';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Howdah REST API</title>
<link rel="icon" href="data:,">
</head>
<body>
${content}
</body>
</html>
`;
}
