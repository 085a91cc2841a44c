import { Modal, Text, TextInput, UnstyledButton } from '@mantine/core';
import { type KeyboardEvent, useState } from 'react';
import { useLocation } from 'wouter';
import { messages } from '../messages/messages.ts';
import { hasOwnPlace, listPath } from '../rows/paths.ts';
import { useResourceTypes } from '../rows/use-resource-types.ts';
import { agentNames } from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';
import { places } from './places.tsx';

const systemPages = (['queue', 'health', 'audit-log', 'settings', 'sql'] as const).map((page) => ({
  name: messages.shell.systemPages[page],
  path: `/system/${page}`,
}));

const titleOf = (many: string) => `${many.charAt(0).toUpperCase()}${many.slice(1)}`;

type Command = { name: string; path: string };

const MAX_SHOWN = 8;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The dialog of Cmd-K: places, agents, presets, and any run or question by its id. */
export function CommandPalette({ isOpen, close }: { isOpen: boolean; close(): void }) {
  return (
    <Modal
      opened={isOpen}
      onClose={close}
      title={messages.shell.search}
      padding="xs"
      yOffset="12vh"
    >
      <Palette close={close} />
    </Modal>
  );
}

function Palette({ close }: { close(): void }) {
  const [, navigate] = useLocation();
  const [words, setWords] = useState('');
  const [chosen, setChosen] = useState(0);
  const found = useCommands(words.trim());
  const run = (command: Command | undefined) => {
    if (!command) return;
    close();
    navigate(command.path);
  };
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined) setChosen((last) => (last + step + found.length) % found.length);
    if (event.key === 'Enter') run(found[chosen]);
    if (step !== undefined || event.key === 'Enter') event.preventDefault();
  };
  return (
    <>
      <TextInput
        aria-label={messages.shell.searchHint}
        placeholder={messages.shell.searchHint}
        value={words}
        onChange={(event) => {
          setWords(event.currentTarget.value);
          setChosen(0);
        }}
        onKeyDown={onKey}
        data-autofocus
      />
      {found.map((command, index) => (
        <UnstyledButton
          key={`${command.name} ${command.path}`}
          className="command"
          data-chosen={index === chosen || undefined}
          onClick={() => run(command)}
        >
          {command.name}
        </UnstyledButton>
      ))}
      {found.length === 0 && <Text p="sm">{messages.shell.noMatch}</Text>}
    </>
  );
}

function useCommands(words: string): Command[] {
  const { data } = useAnswer(agentNames, {});
  const { types } = useResourceTypes();
  if (UUID.test(words)) {
    return [
      { name: messages.shell.openRun(words), path: `/runs/${words}` },
      { name: messages.shell.openQuestion(words), path: `/inbox/${words}` },
    ];
  }
  const named = [...(data?.agents?.nodes ?? []), ...(data?.workflows?.nodes ?? [])];
  const all = [
    ...places.map(({ name, path }) => ({ name, path })),
    ...systemPages,
    ...(types ?? []).flatMap(({ name, many }) =>
      hasOwnPlace(name) ? [] : [{ name: titleOf(many), path: listPath(name) }],
    ),
    { name: messages.runs.presets.failed, path: '/runs?status=failed&since=24h' },
    { name: messages.runs.presets.running, path: '/runs?status=running' },
    ...named.flatMap((one) =>
      one
        ? [
            {
              name: messages.shell.filterRuns(one.name),
              path: `/runs?agent=${encodeURIComponent(one.name)}`,
            },
          ]
        : [],
    ),
  ];
  const wanted = words.toLowerCase();
  return all.filter(({ name }) => name.toLowerCase().includes(wanted)).slice(0, MAX_SHOWN);
}
