import { Button, Stack, Text, Title } from '@mantine/core';
import { Component, type ReactNode } from 'react';
import { useLocation, useSearch } from 'wouter';
import { messages } from '../messages/messages.ts';

/**
 * Shows an error of a place instead of an empty page: a bug, or a part that did not load. Another
 * place, or another search in it, is tried afresh. The menu stays.
 */
export function Boundary({ children }: { children: ReactNode }) {
  const [path] = useLocation();
  const search = useSearch();
  return <Catcher place={`${path}?${search}`}>{children}</Catcher>;
}

type CatcherProps = { place: string; children: ReactNode };
type Caught = { place: string; error?: { cause: unknown } | undefined };

class Catcher extends Component<CatcherProps, Caught> {
  static getDerivedStateFromError(cause: unknown): Partial<Caught> {
    return { error: { cause } };
  }

  static getDerivedStateFromProps({ place }: CatcherProps, last: Caught): Caught | null {
    return place === last.place ? null : { place, error: undefined };
  }

  override readonly state: Caught = { place: this.props.place };

  override render(): ReactNode {
    const { error } = this.state;
    return error ? <Broken cause={error.cause} /> : this.props.children;
  }
}

/** A part is asked for once in the life of a page, so the whole page is loaded again. */
function Broken({ cause }: { cause: unknown }) {
  const text = messages.shell.broken;
  return (
    <Stack gap="sm" align="flex-start" role="alert">
      <Title order={1} size="h3">
        {text.title}
      </Title>
      <Text size="sm">{text.hint}</Text>
      <Text size="sm" ff="monospace" className="user-text">
        {String(cause)}
      </Text>
      <Button onClick={() => location.reload()}>{messages.common.reload}</Button>
    </Stack>
  );
}
