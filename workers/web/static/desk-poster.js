// The field of the poster's moment follows the clip, and the clip follows the field.
const clip = document.getElementById("clip");
const field = document.getElementById("at");

if (clip && field) {
  const follow = () => {
    if (document.activeElement !== field) field.value = (Math.round(clip.currentTime * 100) / 100).toString();
  };
  clip.addEventListener("timeupdate", follow);
  clip.addEventListener("seeked", follow);
  field.addEventListener("change", () => {
    clip.pause();
    if (field.validity.valid) clip.currentTime = Number(field.value);
  });
  const start = () => { clip.currentTime = Number(field.value); };
  if (clip.readyState >= HTMLMediaElement.HAVE_METADATA) start();
  else clip.addEventListener("loadedmetadata", start, { once: true });
}
