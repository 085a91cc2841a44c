/** Lets so many in at once at each place; the others wait, in their order. What `enter` gives is called to leave. */
export type KeyedSemaphore = { enter(place: string): Promise<() => void> };

export function createKeyedSemaphore(atOnce: number): KeyedSemaphore {
  const places = new Map<string, { free: number; waiting: (() => void)[] }>();

  const leave = (place: string): void => {
    const room = places.get(place);
    const next = room?.waiting.shift();
    if (next) {
      next();
    } else if (room) {
      room.free += 1;
      if (room.free === atOnce) places.delete(place);
    }
  };

  return {
    async enter(place) {
      const room = places.get(place) ?? { free: atOnce, waiting: [] };
      places.set(place, room);
      if (room.free > 0) room.free -= 1;
      else await new Promise<void>((resolve) => room.waiting.push(resolve));
      return () => leave(place);
    },
  };
}
