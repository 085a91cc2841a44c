import { useHotkeys } from '@mantine/hooks';

type Keys = readonly (readonly [key: string, act: () => void])[];

/** Acts on keys of a list, unless the person writes a text. A box of a row is no text. */
export function useKeys(keys: Keys): void {
  useHotkeys(
    keys.map(([key, act]) => [
      key,
      (event) => {
        if (isTyping(event.target)) return;
        event.preventDefault();
        act();
      },
      { preventDefault: false },
    ]),
    [],
  );
}

/** Returns whether a key goes into a text or a choice. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  const field = 'textarea, select, input:not([type="checkbox"], [type="radio"])';
  return target.isContentEditable || target.matches(field);
}

/** Writes a key with the modifier of the system: ⌘K on macs, Ctrl+K elsewhere. */
export function shortcutLabel(key: string): string {
  const isMac = /^(Mac|iP)/.test(navigator.platform);
  return isMac ? `⌘${key === 'Enter' ? '⏎' : key}` : `Ctrl+${key}`;
}
