import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

interface ButtonProps extends Omit<JSX.HTMLAttributes<HTMLButtonElement>, "icon"> {
  kind?: "plain" | "primary" | "danger" | "ghost";
  icon?: ComponentChildren;
  hint?: string;
  disabled?: boolean;
  children?: ComponentChildren;
}

/** A button; `hint` is its key. */
export function Button({ kind = "plain", icon, hint, children, ...rest }: ButtonProps) {
  return (
    <button type="button" class={`button ${kind}${children ? "" : " square"}`} {...(rest as JSX.HTMLAttributes<HTMLButtonElement>)}>
      {icon}
      {children && <span class="cut">{children}</span>}
      {hint && <kbd>{hint}</kbd>}
    </button>
  );
}

/** A window over the page that keeps the focus until it is closed. */
export function Dialog({ title, children, close, wide }: { title: string; children: ComponentChildren; close: () => void; wide?: boolean }) {
  const ref = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const before = document.activeElement;
    ref.current?.showModal();
    return () => before instanceof HTMLElement && before.focus();
  }, []);
  return (
    <dialog
      ref={ref}
      class={wide ? "dialog wide" : "dialog"}
      aria-label={title}
      onClose={close}
      onClick={(event) => event.target === ref.current && close()}
    >
      <div class="dialog-in">{children}</div>
    </dialog>
  );
}

/** What a page shows when it has nothing: why, and what would change that. */
export function Empty({ title, children, icon }: { title: string; children?: ComponentChildren; icon?: ComponentChildren }) {
  return (
    <div class="empty">
      {icon}
      <h2>{title}</h2>
      {children && <div class="prose">{children}</div>}
    </div>
  );
}

/** What went wrong, and what to do. */
export function Trouble({ error, again }: { error: unknown; again?: () => void }) {
  const code = (error as { code?: string }).code ?? "";
  return (
    <div class="trouble" role="alert">
      <div>
        <strong>{error instanceof Error ? error.message : String(error)}</strong>
        {code && (
          <p class="faint">
            <code>{code}</code> · <code>holdfast error {code}</code> explains it
          </p>
        )}
      </div>
      {again && <Button onClick={again}>Try again</Button>}
    </div>
  );
}

/** A place that is filled in a moment, as large as what comes. */
export function Waiting({ rows = 6 }: { rows?: number }) {
  return (
    <div class="waiting" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, n) => (
        <i key={n} />
      ))}
    </div>
  );
}
