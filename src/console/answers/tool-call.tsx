import { Anchor, Badge, Group, Text } from '@mantine/core';
import { Wrench } from 'lucide-react';
import { Link } from 'wouter';
import { messages } from '../messages/messages.ts';
import { isEmptyValue, ValueView } from '../parts/value-view.tsx';
import type { Call } from './answers.ts';

const text = messages.answers;

/** A call with its arguments and its result, closed until somebody opens it. */
export function ToolCall({ call, isLive }: { call: Call; isLive: boolean }) {
  const { result } = call;
  const state = stateOf(call, isLive);
  return (
    <details className="tool-call" data-state={state}>
      <summary>
        <Group gap={7} wrap="nowrap" component="span" className="tool-line">
          <Wrench size={14} aria-hidden className="tool-icon" />
          <Text size="sm" component="span" fw={500} className="user-text">
            {call.tool}
          </Text>
          <Badge size="xs" variant="outline" color="gray" tt="none" className="tool-state">
            {text.calls[state]}
          </Badge>
          {call.progress && (
            <Text size="xs" c="dimmed" component="span" className="user-text">
              {call.progress}
            </Text>
          )}
        </Group>
      </summary>
      <div className="tool-content">
        {!isEmptyValue(call.arguments) && (
          <ValueView value={call.arguments} label={text.arguments} />
        )}
        {result && (
          <ValueView value={'error' in result ? result.error : result.output} label={text.result} />
        )}
        {call.childId && (
          <Anchor component={Link} href={`/runs/${call.childId}`} size="xs">
            {text.openChild}
          </Anchor>
        )}
      </div>
    </details>
  );
}

function stateOf({ result }: Call, isLive: boolean): keyof typeof text.calls {
  if (!result) return isLive ? 'working' : 'unfinished';
  return 'error' in result ? 'failed' : 'done';
}
