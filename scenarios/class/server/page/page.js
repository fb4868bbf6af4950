// The page works without this script; with it, the board is live. Text is only ever put in by the server, which escapes it.
(function () {
  "use strict";

  const byID = (id) => document.getElementById(id);

  // A link to the instructor's page carries the token behind the #: it goes into the form, and out of the address.
  function loginByLink(form) {
    const token = new URLSearchParams(location.hash.slice(1)).get("token");
    if (!token) return;
    history.replaceState(null, "", location.pathname);
    byID("token").value = token;
    form.submit();
  }

  function showJoinCommand(place) {
    if (!new URLSearchParams(location.hash.slice(1)).get("token")) return;
    place.textContent = "ddsctl class join '" + location.href + "' --name 'NAME'";
  }

  // sorting is the column that the reader has chosen; it survives an update.
  let sorting = null;

  function sort() {
    const table = byID("roster");
    if (!table || !sorting) return;
    const heads = [...table.tHead.rows[0].cells];
    const column = heads.findIndex((h) => h.textContent === sorting.name);
    if (column < 0) return;
    heads.forEach((h, i) => (i === column ? h.setAttribute("aria-sort", sorting.up ? "ascending" : "descending") : h.removeAttribute("aria-sort")));
    const numeric = heads[column].dataset.kind === "number";
    const value = (row) => row.cells[column].dataset.sort;
    const compare = numeric ? (a, b) => value(a) - value(b) : (a, b) => value(a).localeCompare(value(b));
    const rows = [...table.tBodies[0].rows].sort((a, b) => (sorting.up ? compare(a, b) : compare(b, a)));
    table.tBodies[0].replaceChildren(...rows);
  }

  function choose(event) {
    const head = event.target.closest("#roster thead th[data-kind]");
    if (!head) return;
    const same = sorting && sorting.name === head.textContent;
    sorting = { name: head.textContent, up: same ? !sorting.up : head.dataset.kind === "text" };
    sort();
  }

  function localTimes() {
    for (const t of document.querySelectorAll("#board time")) {
      t.textContent = new Date(t.dateTime).toLocaleString();
    }
  }

  function state(live, text) {
    byID("state").dataset.live = live ? "yes" : "no";
    byID("state").textContent = text;
  }

  let loading = false;
  let wanted = null;

  async function load(version) {
    wanted = version;
    if (loading) return;
    loading = true;
    try {
      while (wanted !== null && byID("board").dataset.version !== wanted) {
        wanted = null;
        const answer = await fetch("/board", { cache: "no-store" });
        if (answer.status === 401) {
          location.reload();
          return;
        }
        if (!answer.ok) throw new Error(answer.statusText);
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        byID("board").replaceWith(document.adoptNode(page.getElementById("board")));
        localTimes();
        sort();
        state(true, "live");
      }
    } catch (problem) {
      state(false, "not up to date");
      setTimeout(() => load(version), 2000);
    } finally {
      loading = false;
    }
  }

  function follow() {
    const source = new EventSource("/live");
    source.addEventListener("open", () => state(true, "live"));
    source.addEventListener("board", (event) => load(event.data));
    source.addEventListener("error", () => {
      state(false, "connection lost, trying again");
      if (source.readyState === EventSource.CLOSED) {
        setTimeout(() => fetch("/board").then((a) => (a.status === 401 ? location.reload() : follow()), follow), 3000);
      }
    });
  }

  const login = byID("login");
  if (login) loginByLink(login);
  const join = byID("join");
  if (join) showJoinCommand(join);
  if (byID("board")) {
    document.addEventListener("click", choose);
    localTimes();
    follow();
  }
})();
