import {
  ActionIcon,
  Button,
  FileButton,
  Group,
  Pill,
  Text,
  Textarea,
  VisuallyHidden,
} from '@mantine/core';
import { ArrowUp, Paperclip, Square } from 'lucide-react';
import { type ClipboardEvent, type DragEvent, type KeyboardEvent, useRef, useState } from 'react';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { useAction } from '../parts/use-action.ts';
import { useMayWrite } from '../server/me.tsx';
import { PromptMenu } from './prompt-menu.tsx';

const text = messages.chat;

type ComposerProps = {
  /** Sends a message. Throws a `Failure`; the message then stays to be sent again. */
  send(content: string, files: readonly File[], key: string): Promise<void>;
  /** Stops the run at work. Undefined if none is. */
  stop: (() => void) | undefined;
  /** The stop was clicked, and is not answered yet. */
  isStopping?: boolean;
  isDisabled: boolean;
  children?: React.ReactNode;
};

/**
 * The field of a new message. Enter sends it. A message that is sent again after a lost connection
 * has the same key, so it counts once.
 */
export function Composer(props: ComposerProps) {
  if (useMayWrite('executions')) return <MessageForm {...props} />;
  return (
    <Text size="sm" c="dimmed">
      {text.mayNotRun}
    </Text>
  );
}

/** The message that is written. It stays as it is while it is sent, and after a failure. */
function useMessage({ send, isDisabled }: ComposerProps) {
  const [content, setContent] = useState('');
  const [files, setFiles] = useState<readonly File[]>([]);
  const key = useRef(crypto.randomUUID());
  const isEmpty = content.trim() === '' && files.length === 0;
  const write = (nextContent: string, nextFiles: readonly File[]) => {
    setContent(nextContent);
    setFiles(nextFiles);
    key.current = crypto.randomUUID();
  };
  const { start, failure, isBusy } = useAction(async () => {
    await send(content, files, key.current);
    write('', []);
  });
  return {
    ...{ content, files, failure, isBusy, isEmpty },
    submit: () => isEmpty || isDisabled || start(),
    change: (next: string) => write(next, files),
    add: (more: FileList | readonly File[]) => isBusy || write(content, [...files, ...more]),
    remove: (gone: File) =>
      write(
        content,
        files.filter((one) => one !== gone),
      ),
  };
}

function MessageForm(props: ComposerProps) {
  const { stop, isStopping = false, isDisabled, children } = props;
  const { content, files, failure, isBusy, isEmpty, submit, change, add, remove } =
    useMessage(props);
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event: DragEvent) => {
        const dropped = event.dataTransfer.files;
        if (dropped.length === 0) return;
        event.preventDefault();
        add(dropped);
      }}
    >
      {failure && <FailureAlert failure={failure} />}
      <Files files={files} remove={isBusy ? undefined : remove} />
      <Words {...{ content, change, submit, add }} isReadOnly={isBusy} />
      <Group justify="space-between" mt={6} gap="xs">
        <Group gap="xs">
          <AttachButton add={add} isDisabled={isBusy} />
          <PromptMenu
            insert={(template) =>
              change(content.trim() === '' ? template : `${content}\n${template}`)
            }
            isDisabled={isBusy}
          />
          {children}
        </Group>
        <Group gap="xs">
          {stop && <StopButton stop={stop} isStopping={isStopping} />}
          <SendButton isDisabled={isEmpty || isDisabled} isBusy={isBusy} />
        </Group>
      </Group>
    </form>
  );
}

type WordsProps = {
  content: string;
  change(content: string): void;
  submit(): void;
  add(files: FileList): void;
  isReadOnly: boolean;
};

function Words({ content, change, submit, add, isReadOnly }: WordsProps) {
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    submit();
  };
  const onPaste = (event: ClipboardEvent) => {
    const { files } = event.clipboardData;
    if (files.length === 0) return;
    event.preventDefault();
    add(files);
  };
  return (
    <Textarea
      aria-label={text.message}
      placeholder={text.placeholder}
      value={content}
      onChange={(event) => change(event.currentTarget.value)}
      onKeyDown={onKey}
      onPaste={onPaste}
      readOnly={isReadOnly}
      autosize
      minRows={2}
      maxRows={12}
      autoFocus
      data-autofocus
    />
  );
}

type FilesProps = { files: readonly File[]; remove: ((file: File) => void) | undefined };

function Files({ files, remove }: FilesProps) {
  if (files.length === 0) return null;
  return (
    <Pill.Group mb={6}>
      {files.map((file, index) => (
        <Pill
          key={`${index} ${file.name}`}
          withRemoveButton={remove !== undefined}
          onRemove={() => remove?.(file)}
          removeButtonProps={{ 'aria-label': text.removeFile(file.name) }}
        >
          {file.name}
        </Pill>
      ))}
    </Pill.Group>
  );
}

type AttachProps = { add(files: File[]): void; isDisabled: boolean };

function AttachButton({ add, isDisabled }: AttachProps) {
  return (
    <FileButton
      onChange={add}
      multiple
      disabled={isDisabled}
      inputProps={{ 'aria-label': text.attach }}
    >
      {(props) => (
        <ActionIcon
          {...props}
          variant="default"
          size="md"
          aria-label={text.attach}
          disabled={isDisabled}
        >
          <Paperclip size={16} aria-hidden />
        </ActionIcon>
      )}
    </FileButton>
  );
}

function StopButton({ stop, isStopping }: { stop(): void; isStopping: boolean }) {
  return (
    <Button
      size="xs"
      variant="default"
      leftSection={<Square size={12} aria-hidden />}
      onClick={stop}
      loading={isStopping}
    >
      {text.stop}
    </Button>
  );
}

function SendButton({ isDisabled, isBusy }: { isDisabled: boolean; isBusy: boolean }) {
  return (
    <>
      <Button
        type="submit"
        size="xs"
        disabled={isDisabled}
        loading={isBusy}
        rightSection={<ArrowUp size={14} aria-hidden />}
      >
        {text.send}
      </Button>
      <VisuallyHidden>{text.keys}</VisuallyHidden>
    </>
  );
}
