/**
 * A semaphore for each place. A fixed number of callers may enter a place at once; the others wait
 * in order of arrival. The caller leaves the place with the function that `enter` returns.
 */
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
