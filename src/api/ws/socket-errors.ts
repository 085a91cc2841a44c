import { RequestRefusal } from '../../resources/request-refusal.ts';

/** Returns the error for a message that needs another connection. */
export function conflict(message: string): RequestRefusal {
  return new RequestRefusal(409, message, { code: 'HWCNF', hint: 'Open another connection.' });
}

/** Returns the error for a message that has neither of two fields. */
export function neitherIsSet(one: string, other: string): RequestRefusal {
  return new RequestRefusal(400, `neither ${one} nor ${other} is set`, {
    hint: `Set ${one} or ${other}.`,
    detail: { field: one },
  });
}
