import type { JsonObject } from '../json/json.ts';
import { CONNECTED_ACCOUNT } from './agents/call-host.ts';
import type { ConsentRequest } from './connected-account.ts';

/** Returns the prompt of a question that asks a person to connect an account. */
export function promptToConnect(
  { integration, user, reason }: Omit<ConsentRequest, 'link'>,
  link: string | null | undefined,
): string {
  const whose = user === null ? 'the account of this tenant' : `the account of ${user}`;
  const why = reason === null ? '' : ` It was connected before: ${reason}.`;
  const how = link
    ? `Open this page: ${link}`
    : `Run: howdah admin integrations connect ${integration}`;
  return `To go on, the run needs ${whose} for ${integration}.${why} ${how}`;
}

/**
 * Returns the schema and the options of such a question. The database answers it when the account
 * is connected.
 */
export function connectionForm(accountId: string): { schema: JsonObject; options: string[] } {
  return {
    schema: { type: 'object', properties: {}, required: [], [CONNECTED_ACCOUNT]: accountId },
    options: ['accept', 'decline'],
  };
}
