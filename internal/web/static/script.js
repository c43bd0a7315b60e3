// The pages work without this. It adds: what happens at the moment, local times,
// buttons to copy, and keys.
"use strict";
(() => {
  document.documentElement.classList.add("scripted");

  const make = (name, text, cls) => {
    const e = document.createElement(name);
    if (text) e.textContent = text;
    if (cls) e.className = cls;
    return e;
  };
  const number = n => Math.round(n).toLocaleString("en-US");

  for (const t of document.querySelectorAll("time[datetime]")) {
    const at = new Date(t.dateTime);
    if (!isNaN(at)) t.title = at.toLocaleString() + " where you are";
  }

  // Copy buttons, where the browser lets pages write to the clipboard.
  if (navigator.clipboard) {
    for (const figure of document.querySelectorAll("figure.lines")) {
      const button = make("button", "Copy", "copy");
      const code = figure.querySelector("code");
      const caption = figure.querySelector("figcaption");
      button.type = "button";
      button.setAttribute("aria-label", "Copy these lines" + (caption ? " (" + caption.textContent + ")" : ""));
      button.addEventListener("click", async () => {
        try {
          await navigator.clipboard.writeText(code.textContent);
          button.textContent = "Copied";
          say("Copied.");
        } catch {
          button.textContent = "Select it";
          getSelection().selectAllChildren(code);
        }
        setTimeout(() => { button.textContent = "Copy"; }, 2000);
      });
      figure.append(button);
    }
  }
  const spoken = make("p", "", "unseen");
  spoken.setAttribute("role", "status");
  document.body.append(spoken);
  const say = text => { spoken.textContent = ""; setTimeout(() => { spoken.textContent = text; }, 50); };

  // Keys: / to search, j and k from row to row.
  document.addEventListener("keydown", e => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, select, textarea")) return;
    if (e.key === "/") {
      const search = document.getElementById("search");
      if (!search) return;
      search.focus();
      search.select();
      e.preventDefault();
    } else if (e.key === "j" || e.key === "k") {
      const rows = [...document.querySelectorAll("tbody th[scope=row] a")];
      const current = rows.findIndex(a => a.closest("tr").contains(document.activeElement));
      const next = e.key === "j" ? current + 1 : Math.max(0, current - 1);
      if (rows[next]) rows[next].focus();
    }
  });

  // What happens at the moment. Browsers allow few connections to one server, so
  // that a page which nobody looks at does not hold one.
  const running = document.getElementById("running"), news = document.getElementById("news");
  if (!running || !window.EventSource) return;
  const age = s => s < 90 ? number(s) + " seconds" : s < 5400 ? number(s / 60) + " minutes" : number(s / 3600) + " hours";
  const words = p => p ? [Math.floor(100 * p.done) + "%", "pass " + p.pass + " of " + p.tries, number(p.answered) + " answered",
    number(p.rate) + " packets a second"].concat(p.left > 0 ? [age(p.left) + " left"] : []).join(", ") : "beginning";
  const show = list => {
    const ul = running.querySelector("ul");
    const rows = new Map([...ul.children].map(li => [li.dataset.run, li]));
    running.hidden = list.length === 0;
    ul.replaceChildren(...list.map(run => {
      let li = rows.get(String(run.id));
      if (!li) {
        li = make("li");
        li.dataset.run = run.id;
        const bar = make("progress");
        bar.max = 100;
        bar.setAttribute("aria-label", "Progress of " + run.job);
        li.append(make("b", run.job), " ", bar, " ", make("span", "", "far"));
      }
      const bar = li.querySelector("progress");
      if (run.progress) bar.value = 100 * run.progress.done; else bar.removeAttribute("value");
      li.querySelector(".far").textContent = words(run.progress);
      return li;
    }));
  };
  const changed = () => {
    if (news.firstChild) return;
    const again = make("a", "Show it");
    again.href = location.href;
    news.append("A sweep was imported: there may be something new. ", again);
  };
  let stream, known = running.dataset.pulse, told = "";
  const listen = () => {
    if (document.hidden || stream) return;
    stream = new EventSource("/api/v1/events");
    stream.addEventListener("progress", e => {
      if (e.lastEventId !== known) changed();
      known = e.lastEventId;
      const list = JSON.parse(e.data).running;
      show(list);
      const jobs = list.map(r => r.job).join(", ");
      if (jobs !== told) say(jobs ? "Sweeping now: " + jobs : "No sweep is running any more.");
      told = jobs;
    });
    stream.addEventListener("imported", e => { known = e.lastEventId; changed(); });
    stream.addEventListener("error", () => {
      if (stream?.readyState !== EventSource.CLOSED) return; // it tries again by itself
      leave(); // it was refused, as when too many listen
      setTimeout(listen, 10000);
    });
  };
  const leave = () => { if (stream) stream.close(); stream = undefined; };
  told = [...running.querySelectorAll("b")].map(b => b.textContent).join(", ");
  document.addEventListener("visibilitychange", () => document.hidden ? leave() : listen());
  addEventListener("pagehide", leave);
  addEventListener("pageshow", listen);
  listen();
})();
