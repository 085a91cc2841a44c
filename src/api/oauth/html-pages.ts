import { createHash } from 'node:crypto';

const STYLE = `
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 15vh auto 0; max-width: 34rem; padding: 0 1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; }
dt { opacity: .7; }
dd { margin: 0; overflow-wrap: anywhere; }
a.button { display: inline-block; margin-top: 1rem; padding: .5rem 1rem; border-radius: 4px; background: #1c5fc4; color: #fff; text-decoration: none; }`;
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** The headers of the pages, which have no scripts, load nothing and are shown in no frame. */
export const PAGE_HEADERS = Object.freeze({
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`,
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
});

/** Facts that a person confirms before the authorization server is opened. */
export type Confirmation = {
  integration: string;
  resource: string;
  tenant: string;
  /** The user who gets the account. Null for the tenant. */
  user: string | null;
  continueUrl: string;
};

/**
 * Writes the page that a link opens. It says whose runs will use the account, because the link may
 * have been sent by somebody else.
 */
export function confirmationPage(about: Confirmation): string {
  const { integration, resource, tenant, user, continueUrl } = about;
  const owner = user === null ? `all runs of the tenant ${tenant}` : `runs of the user ${user}`;
  return page(
    'Connect an account',
    `<p>You are about to give ${text(owner)} access to your account. Go on only if ${
      user === null ? 'you administer that tenant' : 'you are that user'
    }.</p>
<dl><dt>Integration</dt><dd>${text(integration)}</dd><dt>Access to</dt><dd>${text(resource)}</dd>
<dt>Tenant</dt><dd>${text(tenant)}</dd>${user === null ? '' : `<dt>User</dt><dd>${text(user)}</dd>`}</dl>
<a class="button" href="${text(continueUrl)}">Continue to the provider</a>`,
  );
}

/** Writes the page that a person sees after the consent. */
export function connectedPage(integration: string): string {
  return page(
    'Connected',
    `<p>The account for ${text(integration)} is connected. Runs that waited for it go on. You can close this page.</p>`,
  );
}

/** Writes the page of an attempt that failed, with what to do about it. */
export function failedPage(message: string, hint: string): string {
  return page('Not connected', `<p>${text(message)}</p><p>${text(hint)}</p>`);
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} - Howdah</title><link rel="icon" href="data:,"><style>${STYLE}</style></head>
<body><h1>${title}</h1>
${body}
</body></html>
`;
}

function text(value: string): string {
  return value.replaceAll(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
