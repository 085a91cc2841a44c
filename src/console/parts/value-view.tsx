import { Button, CopyButton, Group } from '@mantine/core';
import { useState } from 'react';
import { hasMembers, type Json } from '../../json/json.ts';
import { formatBytes } from '../messages/format.ts';
import { messages } from '../messages/messages.ts';

/** Length up to which a value is shown at once, in UTF-16 units. */
const MAX_SHOWN = 100_000;

/** Writes a value for people: a text as it is, anything else as indented JSON. */
export function valueText(value: Json): string {
  return typeof value === 'string' ? value : (JSON.stringify(value, null, 2) ?? '');
}

/** Returns whether there is nothing to show. */
export function isEmptyValue(value: Json | undefined): boolean {
  if (value === null || value === undefined || value === '') return true;
  return hasMembers(value) && Object.keys(value).length === 0;
}

/**
 * A value from a run. It is always text, whatever it contains: no markup, image or link in it has
 * an effect. A long value is cut.
 */
export function ValueView({ value, label }: { value: Json; label: string }) {
  const [isWhole, setWhole] = useState(false);
  const text = valueText(value);
  const isCut = !isWhole && text.length > MAX_SHOWN;
  return (
    <section className="value" aria-label={label}>
      <div className="value-actions">
        <CopyText text={text} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled area needs the keyboard */}
      <pre className="value-text" tabIndex={0}>
        {isCut ? text.slice(0, MAX_SHOWN) : text}
      </pre>
      {isCut && (
        <Group p="xs">
          <Button size="xs" variant="default" onClick={() => setWhole(true)}>
            {messages.common.loadAll(formatBytes(text.length))}
          </Button>
        </Group>
      )}
    </section>
  );
}

/** A button that copies a text. */
export function CopyText({ text }: { text: string }) {
  return (
    <CopyButton value={text}>
      {({ copied, copy }) => (
        <Button size="compact-xs" variant="default" onClick={copy}>
          {copied ? messages.common.copied : messages.common.copy}
        </Button>
      )}
    </CopyButton>
  );
}
