package static

import "strings"

// fileType is what a name says about a file.
type fileType struct {
	contentType  string
	compressible bool // worth looking for a compressed neighbour
}

// typeOf goes by the extension alone, in a table of its own: the answer is the
// same on every machine, whatever its mime.types says, and content is never
// guessed at. An unknown file is bytes.
func typeOf(name string) fileType {
	base := name[strings.LastIndexByte(name, '/')+1:]
	dot := strings.LastIndexByte(base, '.')
	if dot < 0 {
		return unknownType
	}
	// ToLower returns its argument as it is when there's nothing to change.
	if t, ok := fileTypes[strings.ToLower(base[dot+1:])]; ok {
		return t
	}
	return unknownType
}

var unknownType = fileType{"application/octet-stream", false}

func text(subtype string) fileType    { return fileType{"text/" + subtype + "; charset=utf-8", true} }
func plain(mediaType string) fileType { return fileType{mediaType, true} }
func dense(mediaType string) fileType { return fileType{mediaType, false} }

// fileTypes is by extension, in lower case. Text is taken for UTF-8. Types that
// carry their encoding within them (XML) or have only one (JSON) get no charset.
var fileTypes = map[string]fileType{
	// Pages, styles, scripts.
	"html": text("html"), "htm": text("html"),
	"css": text("css"),
	"js":  text("javascript"), "mjs": text("javascript"), "cjs": text("javascript"),
	"wasm":        plain("application/wasm"),
	"xhtml":       plain("application/xhtml+xml"),
	"webmanifest": plain("application/manifest+json"),
	"map":         plain("application/json"),

	// Text and data.
	"txt": text("plain"), "log": text("plain"),
	"md": text("markdown"), "markdown": text("markdown"),
	"csv": text("csv"), "tsv": text("tab-separated-values"),
	"ics": text("calendar"), "vcf": text("vcard"), "vtt": text("vtt"),
	"json": plain("application/json"), "jsonld": plain("application/ld+json"), "geojson": plain("application/geo+json"),
	"xml": plain("application/xml"), "xsl": plain("application/xml"),
	"rss": plain("application/rss+xml"), "atom": plain("application/atom+xml"),
	"yaml": plain("application/yaml"), "yml": plain("application/yaml"), "toml": plain("application/toml"),

	// Images.
	"svg": plain("image/svg+xml"), "ico": plain("image/vnd.microsoft.icon"), "bmp": plain("image/bmp"),
	"png": dense("image/png"), "apng": dense("image/apng"), "gif": dense("image/gif"),
	"jpg": dense("image/jpeg"), "jpeg": dense("image/jpeg"), "jxl": dense("image/jxl"),
	"webp": dense("image/webp"), "avif": dense("image/avif"), "heic": dense("image/heic"), "heif": dense("image/heif"),
	"tif": dense("image/tiff"), "tiff": dense("image/tiff"),

	// Fonts. WOFF is compressed within.
	"woff": dense("font/woff"), "woff2": dense("font/woff2"),
	"ttf": plain("font/ttf"), "otf": plain("font/otf"), "ttc": plain("font/collection"),
	"eot": plain("application/vnd.ms-fontobject"),

	// Sound and film.
	"mp3": dense("audio/mpeg"), "m4a": dense("audio/mp4"), "aac": dense("audio/aac"), "flac": dense("audio/flac"),
	"ogg": dense("audio/ogg"), "oga": dense("audio/ogg"), "opus": dense("audio/ogg"),
	"wav": dense("audio/wav"), "weba": dense("audio/webm"), "mid": dense("audio/midi"), "midi": dense("audio/midi"),
	"mp4": dense("video/mp4"), "m4v": dense("video/mp4"), "webm": dense("video/webm"), "ogv": dense("video/ogg"),
	"mov": dense("video/quicktime"), "mkv": dense("video/matroska"), "avi": dense("video/x-msvideo"),
	"mpeg": dense("video/mpeg"), "mpg": dense("video/mpeg"), "ts": dense("video/mp2t"),
	"m3u8": plain("application/vnd.apple.mpegurl"), "mpd": plain("application/dash+xml"),

	// Documents and models.
	"pdf": dense("application/pdf"), "epub": dense("application/epub+zip"), "rtf": plain("application/rtf"),
	"doc": plain("application/msword"), "xls": plain("application/vnd.ms-excel"), "ppt": plain("application/vnd.ms-powerpoint"),
	"docx": dense("application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
	"xlsx": dense("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
	"pptx": dense("application/vnd.openxmlformats-officedocument.presentationml.presentation"),
	"odt":  dense("application/vnd.oasis.opendocument.text"),
	"ods":  dense("application/vnd.oasis.opendocument.spreadsheet"),
	"odp":  dense("application/vnd.oasis.opendocument.presentation"),
	"gltf": plain("model/gltf+json"), "glb": plain("model/gltf-binary"),

	// Archives. A .gz that is asked for by its own name is a gzip file.
	"gz": dense("application/gzip"), "tgz": dense("application/gzip"), "zst": dense("application/zstd"),
	"zip": dense("application/zip"), "tar": dense("application/x-tar"), "7z": dense("application/x-7z-compressed"),
	"bz2": dense("application/x-bzip2"), "xz": dense("application/x-xz"), "rar": dense("application/vnd.rar"),
	"jar": dense("application/java-archive"), "apk": dense("application/vnd.android.package-archive"),
}
