// Make every slide fit its 1280 × 720. First figures and text shrink a
// little; a slide that is still too full goes on, under the same heading, on
// another; only what cannot be divided shrinks further.
const WIDTH = 1280, HEIGHT = 720;
const COMFORTABLE = [[430, 30], [400, 28], [370, 26], [340, 24], [310, 22]];
const DENSE = [...COMFORTABLE, [280, 20]];
const LAST_RESORT = [...DENSE, [260, 18], [240, 16]];

function leaves() {
  return [...document.querySelectorAll(".slides section")].filter(
    (slide) => !slide.querySelector("section"));
}

function overflows(slide) {
  const box = slide.getBoundingClientRect();
  const scale = box.width / WIDTH;
  const parts = [...slide.querySelectorAll("pre, table, img, math")];
  return slide.scrollHeight > HEIGHT || slide.scrollWidth > WIDTH ||
    parts.some((part) => {
      const edge = part.getBoundingClientRect().right;
      return (edge - box.left) / scale > WIDTH - 20;
    });
}

function fits(slide, sizes) {
  slide.classList.add("measured");
  const found = sizes.some(([figure, text]) => {
    slide.style.setProperty("--figure", figure + "px");
    slide.style.fontSize = text + "px";
    return !overflows(slide);
  });
  slide.classList.remove("measured");
  return found;
}

const stays = (part) => part.matches("aside, .again");
const isText = (part) => !part.querySelector(".jp-CodeCell") &&
  !part.matches(".jp-CodeCell");

function pieceLike(slide) {
  const piece = slide.cloneNode(false);
  const heading = slide.querySelector("h1, h2, h3");
  if (heading) {
    piece.append(heading.cloneNode(true));
    piece.firstChild.classList.add("again");
    piece.firstChild.removeAttribute("id");
  }
  slide.after(piece);
  return piece;
}

// Move the end of a slide that is too full to a new one, and return that.
function divide(slide) {
  const parts = [...slide.children].filter((part) => !stays(part));
  const moved = [];
  const move = () => {
    moved.unshift(parts.pop());
    moved[0].remove();
  };
  while (parts.length > 1 && !fits(slide, COMFORTABLE)) move();
  // What a cell shows stays with the text that announces it, and a text that
  // reads a figure with that figure, even if both get denser.
  const torn = moved.length && isText(parts.at(-1)) && !isText(moved[0]);
  if (moved.length && (moved.every(isText) || (torn && !parts[1]))) {
    parts.push(moved.shift());
    slide.append(parts.at(-1));
    if (!fits(slide, DENSE)) move();
  } else if (torn) {
    move();
  }
  if (!moved.length) return null;
  const piece = pieceLike(slide);
  for (const part of moved) {
    part.classList.remove("fragment");
    piece.append(part);
  }
  return piece;
}

// Give a figure whatever room its slide has left.
function enlarge(slide) {
  const text = parseFloat(slide.style.fontSize);
  const figure = parseFloat(slide.style.getPropertyValue("--figure"));
  const sizes = [];
  for (let size = 470; size > figure; size -= 15) sizes.push([size, text]);
  fits(slide, [...sizes, [figure, text]]);
}

function fit(slide) {
  let piece = null;
  if (!fits(slide, COMFORTABLE)) {
    piece = divide(slide);
    fits(slide, LAST_RESORT);
  }
  if (slide.querySelector("img")) enlarge(slide);
  if (piece) fit(piece);
}

Promise.all([...document.images].map((image) => image.decode())).then(() => {
  leaves().forEach(fit);
  Reveal.initialize({
    width: WIDTH, height: HEIGHT, margin: 0, center: false, hash: true,
    transition: "none", slideNumber: "c/t", navigationMode: "linear",
    plugins: [RevealNotes],
  });
});
