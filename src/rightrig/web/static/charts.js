// Charts of a page: draws each <figure data-chart="ID"> with vega-embed and leaves what the server
// drew in it (the element with data-fallback) where that fails or scripts are off.
//
//   <figure data-chart="pareto" data-spec-url="/charts/pareto.json">      or, in place of the URL,
//     <script type="application/json">{ a Vega-Lite specification }</script>
//     <img data-fallback …>  <figcaption>what it shows</figcaption>
//   </figure>
//
// Needs vega, vega-lite, vega-embed and vega-interpreter as scripts before this one. Expressions are
// interpreted (ast) and no style element is written, so that a strict Content-Security-Policy holds.
"use strict";

(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const INK = "#e6e9ec", FAINT = "#3a424b", MUTED = "#a3adb8";
  const DARK = {
    axis: { labelColor: INK, titleColor: INK, gridColor: FAINT, domainColor: MUTED, tickColor: MUTED },
    legend: { labelColor: INK, titleColor: INK },
    title: { color: INK, subtitleColor: MUTED },
    text: { fill: INK },
    view: { stroke: FAINT },
  };
  // Specifications say "black" where they mean ink.
  const inked = (key, value) =>
    value === "black" && (/^(color|fill|stroke)$/.test(key) || /^\d+$/.test(key)) ? INK : value;

  async function specificationOf(figure) {
    const url = figure.dataset.specUrl;
    if (!url) return figure.querySelector('script[type="application/json"]').textContent;
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
    return answer.text();
  }

  const LEGEND = 190, NARROWEST = 280; // CSS pixels of a legend with the axis, and of a plot

  function themed(text, room) {
    const spec = JSON.parse(text, dark.matches ? inked : undefined);
    const config = { ...spec.config };
    if (dark.matches) {
      for (const [part, look] of Object.entries(DARK)) config[part] = { ...config[part], ...look };
    }
    if (typeof spec.width === "number") {
      spec.width = Math.max(Math.min(spec.width, room - LEGEND), NARROWEST);
    }
    return { ...spec, config, background: "transparent" };
  }

  async function draw(figure) {
    const fallback = figure.querySelector("[data-fallback]");
    const holder = document.createElement("div");
    try {
      const spec = themed(await specificationOf(figure), figure.clientWidth);
      const caption = figure.querySelector("figcaption")?.textContent.trim();
      spec.description ??= caption || spec.title?.text || figure.dataset.chart; // read aloud
      const { view } = await vegaEmbed(holder, spec, {
        actions: false, ast: true, defaultStyle: false, expr: vega.expressionInterpreter,
        mode: "vega-lite", renderer: "svg", tooltip: { disableDefaultStyle: true },
      });
      figure.querySelector(".drawn")?.remove();
      holder.className = "drawn";
      holder.tabIndex = 0; // on a narrow screen it scrolls, by the keyboard too
      figure.prepend(holder);
      fallback?.toggleAttribute("hidden", true); // drawings have no property of that name
      figure.dispatchEvent(new CustomEvent("chart:drawn", { bubbles: true, detail: { view } }));
    } catch (error) {
      fallback?.toggleAttribute("hidden", false);
      console.warn(`chart ${figure.dataset.chart} is not drawn: ${error.message}`);
    }
  }

  const CHARTS = "figure[data-chart]";
  const drawAll = (root) => {
    if (root.matches?.(CHARTS)) draw(root); // htmx names the swapped element itself
    root.querySelectorAll(CHARTS).forEach(draw);
  };
  dark.addEventListener("change", () => drawAll(document));
  document.addEventListener("htmx:load", (event) => drawAll(event.detail.elt));
  if (!window.htmx) document.addEventListener("DOMContentLoaded", () => drawAll(document));
})();
