import "@fontsource-variable/inter/wght.css";
import "@fontsource-variable/jetbrains-mono/wght.css";
import "./style/tokens.css";
import "./style/base.css";
import "./style/shell.css";
import "./style/controls.css";
import "./style/fleet.css";
import "./style/agent.css";
import "./style/inbox.css";
import "./style/pages.css";
import "./style/causality.css";
import "./style/governance.css";
import { render } from "preact";
import { App } from "./app";
import { applyTheme } from "./data/theme";

applyTheme();
const root = document.getElementById("app");
if (root) render(<App />, root);
