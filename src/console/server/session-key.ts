import { useSyncExternalStore } from 'react';

// The key or token of the person. It is kept for this tab alone, until the tab is closed: other
// tabs, and programs that read the profile of the browser later, do not get it.

const NAME = 'howdah.key';
const listeners = new Set<() => void>();

/** Returns the key of this tab, if somebody logged in. */
export function sessionKey(): string | undefined {
  return sessionStorage.getItem(NAME) ?? undefined;
}

/** Sets the key of this tab, or removes it. */
export function setSessionKey(key: string | undefined): void {
  if (key === undefined) sessionStorage.removeItem(NAME);
  else sessionStorage.setItem(NAME, key);
  for (const listener of listeners) listener();
}

/** Returns the key, and renders again when it changes. */
export function useSessionKey(): string | undefined {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, sessionKey);
}
