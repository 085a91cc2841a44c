/** Names of the files that the page loads, as `npm run build:pages` writes them. */
export type EntryFiles = { script: string; style: string };

export type ConsolePage = {
  /** Undefined if the console is not built. */
  files: EntryFiles | undefined;
  /** The address of the root of the API, with a slash at the end. */
  root: string;
  nonce: string;
};

/**
 * Returns the policy of the console. It runs and loads its own files alone, and talks to this
 * server alone. Its components add style sheets at run time, with the nonce of the page.
 */
export function policyFor(nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
}

/** Renders the page. Everything that it shows is loaded by its script. */
export function consolePage({ files, root, nonce }: ConsolePage): string {
  const place = `${escapeAttribute(root)}console/`;
  const links =
    files === undefined
      ? ''
      : `<link rel="stylesheet" href="${place}${files.style}">
<script type="module" src="${place}${files.script}"></script>`;
  const content =
    files === undefined
      ? 'The console is not built. Run <code>npm run build:pages</code> in the checkout, and reload this page.'
      : '';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta property="csp-nonce" nonce="${nonce}">
<title>Howdah</title>
<link rel="icon" href="data:,">
${links}
</head>
<body>
<div id="console">${content}</div>
<noscript>The console of Howdah needs JavaScript. Without it, use <code>npx howdah</code>, SQL or the REST API.</noscript>
</body>
</html>
`;
}

/** Escapes a path of a mount, which a program sets. */
function escapeAttribute(value: string): string {
  return value.replaceAll(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
