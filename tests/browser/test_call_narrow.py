"""The bar of the call on the narrowest phones that are common: every word whole, every button large enough."""

from __future__ import annotations

import pytest

from tests.browser.conftest import MakeChromiumPerson
from tests.support.demo import Demo
from tests.support.walk import join, plan, sign_in

NARROW = {"width": 360, "height": 740}
TARGET = 44
BAR = f"""(() => {{
  const faults = [], {{clientWidth: width, clientHeight: height, scrollWidth}} = document.documentElement;
  if (scrollWidth > width) faults.push(`the page scrolls sideways: ${{scrollWidth}}`);
  const shown = [...document.querySelectorAll('.bar .control')].filter(one => one.checkVisibility());
  for (const control of shown) {{
    const box = control.getBoundingClientRect(), label = control.innerText.replace(/\\s+/g, ' ');
    if (box.left < 0 || box.right > width || box.bottom > height) faults.push(`outside: ${{label}}`);
    if (box.width < {TARGET} || box.height < {TARGET}) faults.push(`small: ${{label}}`);
    const text = document.createRange();
    for (const words of control.querySelectorAll('.control__words, .control__state')) {{
      text.selectNodeContents(words);
      for (const line of text.getClientRects())
        if (line.left < box.left - 0.5 || line.right > box.right + 0.5)
          faults.push(`sticks out, ${{line.width.toFixed(1)}} in ${{box.width.toFixed(1)}}: ${{label}}`);
    }}
  }}
  return {{faults, shown: shown.length}};
}})()"""


@pytest.mark.parametrize("language", ["en", "uk", "ru"])
async def test_the_bar_fits_a_narrow_phone(demo: Demo, in_chromium: MakeChromiumPerson, language: str) -> None:
    manager = await in_chromium("case manager", viewport=NARROW)
    await sign_in(manager, demo, "case_manager")
    meeting = await plan(manager, demo)
    await join(manager, meeting.url)
    await manager.evaluate(f"localStorage.setItem('poruch.language', '{language}')")
    await manager.reload()
    await manager.wait_for(f"document.documentElement.lang === '{language}' && document.querySelector('.bar .control')")
    closed = await manager.evaluate(BAR)
    await manager.click_css(".control[data-key='more']")
    opened = await manager.evaluate(BAR)
    assert closed["faults"] == opened["faults"] == []
    assert closed["shown"] == 5
    assert opened["shown"] >= 11
