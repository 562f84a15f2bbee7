/** What an operation answers, for a component: the last answer stays until the next is there, so nothing jumps. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { call } from "../data/api";

export interface Answer<T> {
  value: T | undefined;
  error: unknown;
  again: () => void;
}

/** Asks `name` whenever the input changes (undefined: not at all); `again` asks once more, at most every `pace` milliseconds. */
export function useCall<T>(name: string, input: object | undefined, pace = 250): Answer<T> {
  const [value, setValue] = useState<T>();
  const [error, setError] = useState<unknown>();
  const key = input === undefined ? "" : JSON.stringify(input);
  const asked = useRef({ key: "", busy: false, wanted: false, at: -Infinity, timer: 0 });

  const ask = useCallback(async () => {
    const state = asked.current;
    if (!key) return;
    if (state.busy || performance.now() - state.at < pace) {
      if (!state.wanted && !state.busy) {
        state.timer = window.setTimeout(() => {
          state.wanted = false;
          void ask();
        }, pace);
      }
      state.wanted = true;
      return;
    }
    state.busy = true;
    state.wanted = false;
    state.at = performance.now();
    const mine = (state.key = key);
    try {
      const found = await call<T>(name, JSON.parse(key) as object);
      if (state.key === mine) {
        setValue(found);
        setError(undefined);
      }
    } catch (problem) {
      if (state.key === mine) setError(problem);
    }
    state.busy = false;
    if (state.wanted) {
      state.wanted = false;
      void ask();
    }
  }, [name, key]);

  useEffect(() => {
    asked.current.key = key;
    asked.current.at = -Infinity;
    asked.current.busy = false;
    setError(undefined);
    void ask();
    return () => clearTimeout(asked.current.timer);
  }, [ask]);
  return { value, error, again: () => void ask() };
}
