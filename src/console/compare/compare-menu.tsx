import { Button, Menu, Modal, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { ChevronDown } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { useLocation } from 'wouter';
import { messages } from '../messages/messages.ts';

const text = messages.compare;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A run that another one can be compared with. */
export type Comparable = { id: string; name: string };

/** The menu that compares a run: with the run it is a fork of, with its forks, or with any run. */
export function CompareMenu({ id, others }: { id: string; others: readonly Comparable[] }) {
  const [, navigate] = useLocation();
  const [isOpen, dialog] = useDisclosure(false);
  return (
    <>
      <Menu position="bottom-end" withinPortal shadow="md">
        <Menu.Target>
          <Button variant="default" size="xs" rightSection={<ChevronDown size={14} aria-hidden />}>
            {text.with}
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {others.map((one) => (
            <Menu.Item key={one.id} onClick={() => navigate(`/runs/${one.id}/compare/${id}`)}>
              {one.name}
            </Menu.Item>
          ))}
          <Menu.Item onClick={dialog.open}>{text.another}</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Modal opened={isOpen} onClose={dialog.close} title={text.anotherTitle}>
        <IdForm id={id} open={(other) => navigate(`/runs/${id}/compare/${other}`)} />
      </Modal>
    </>
  );
}

function IdForm({ id, open }: { id: string; open(other: string): void }) {
  const [written, setWritten] = useState('');
  const [fault, setFault] = useState<string>();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const other = written.trim().toLowerCase();
    if (!UUID.test(other)) setFault(text.badId);
    else if (other === id) setFault(text.isSelf);
    else open(other);
  };
  return (
    <form onSubmit={submit}>
      <TextInput
        label={text.id}
        value={written}
        onChange={(event) => setWritten(event.currentTarget.value)}
        error={fault}
        ff="monospace"
        data-autofocus
      />
      <Button type="submit" mt="sm" size="sm">
        {text.submit}
      </Button>
    </form>
  );
}
