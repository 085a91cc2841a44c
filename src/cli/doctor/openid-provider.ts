import { z } from 'zod';
import type { OidcSettings } from '../../settings/oidc-settings.ts';
import { trimEnd } from '../../text/trim-end.ts';
import type { Finding } from './finding.ts';

const check = 'openid provider';
const TIMEOUT_MS = 10_000;
const MAX_SHOWN = 200;

const description = z.object({
  issuer: z.string(),
  authorization_endpoint: z.url(),
  token_endpoint: z.url(),
  jwks_uri: z.url(),
});

/** Checks that the OpenID provider of the console answers, and names itself as the settings do. */
export async function openIdProviderFinding({ issuer }: OidcSettings): Promise<Finding> {
  const url = `${trimEnd(issuer, '/')}/.well-known/openid-configuration`;
  const failed = (reason: string, fix: string): Finding => ({
    ...{ check, ok: false, fix },
    found: `${issuer}: ${reason}`,
  });
  const reach = `Check HOWDAH_OIDC_ISSUER, and that this machine reaches ${url}.`;
  try {
    const response = await fetch(url, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: 'error',
    });
    if (response.status !== 200) return failed(`${url} answered ${response.status}`, reach);
    const described = description.safeParse(await response.json());
    if (!described.success) return failed(`${url} is no description of an OpenID provider`, reach);
    const { data } = described;
    // openid-client compares the URLs in the form in which browsers write them
    if (new URL(data.issuer).href !== new URL(issuer).href) {
      const named = data.issuer.slice(0, MAX_SHOWN);
      return failed(`the provider names itself ${named}`, `Set HOWDAH_OIDC_ISSUER to ${named}.`);
    }
    return { check, ok: true, found: `${issuer} answers` };
  } catch (error) {
    const { cause, message } = error as Error;
    return failed(cause instanceof Error ? cause.message || message : message, reach);
  }
}
