import { Button, Checkbox, Group, Popover, Stack, Text } from '@mantine/core';
import { Wrench } from 'lucide-react';
import { isJsonObject, type Json } from '../../json/json.ts';
import { messages } from '../messages/messages.ts';
import { toolsOfAgent } from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';

const text = messages.answers;

type ToolChoiceProps = {
  agent: string;
  /** The tools that the agent may use. Undefined means all. */
  allowed: readonly string[] | undefined;
  change(allowed: readonly string[] | undefined): void;
};

/** The choice of the tools that an agent may use. It holds for the next runs alone. */
export function ToolChoice({ agent, allowed, change }: ToolChoiceProps) {
  const { data } = useAnswer(toolsOfAgent, { agent });
  const names = namesIn(data?.agentToolList ?? null);
  if (names.length === 0) return null;
  const chosen = allowed ?? names;
  const toggle = (name: string) => {
    const next = chosen.includes(name)
      ? chosen.filter((one) => one !== name)
      : names.filter((one) => one === name || chosen.includes(one));
    change(next.length === names.length ? undefined : next);
  };
  return (
    <Popover position="top-start" shadow="md" withinPortal trapFocus>
      <Popover.Target>
        <Button
          size="compact-sm"
          variant={allowed === undefined ? 'default' : 'light'}
          leftSection={<Wrench size={14} aria-hidden />}
        >
          {text.tools(chosen.length, names.length)}
        </Button>
      </Popover.Target>
      <Popover.Dropdown className="tool-choice">
        <Text size="xs" c="dimmed" mb="xs">
          {text.toolsHint}
        </Text>
        <Stack gap={6}>
          {names.map((name) => (
            <Checkbox
              key={name}
              size="xs"
              label={name}
              checked={chosen.includes(name)}
              onChange={() => toggle(name)}
            />
          ))}
        </Stack>
        <Group mt="sm" gap="xs">
          <Button size="compact-xs" variant="default" onClick={() => change(undefined)}>
            {text.allTools}
          </Button>
          <Button size="compact-xs" variant="default" onClick={() => change([])}>
            {text.noTools}
          </Button>
        </Group>
      </Popover.Dropdown>
    </Popover>
  );
}

/** Reads the names in a list of tools as models receive it. */
function namesIn(list: Json): string[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((one) => {
    const tool = isJsonObject(one) ? (one.function ?? null) : null;
    return isJsonObject(tool) && typeof tool.name === 'string' ? [tool.name] : [];
  });
}
