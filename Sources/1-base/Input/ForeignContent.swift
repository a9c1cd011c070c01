import Foundation

/// What people have in place of the file they meant to have: told by its first bytes, so that the
/// message is about the cause (a failed download) and not about what a parser stumbles over.
public enum ForeignContent {
  /// As many first bytes as are needed.
  public static let telling = 256

  /// The problem with a database, such as a store.
  public static let isDatabase = "is an SQLite database"

  private static let beginnings: [(bytes: [UInt8], what: String)] = [
    (
      Array("version https://git-lfs.github.com/spec/".utf8),
      "is a Git LFS pointer, not the file that it stands for: fetch that with git lfs pull"
    ),
    ([0x1F, 0x8B], "is compressed with gzip"),
    (Array("PK\u{3}\u{4}".utf8), "is a ZIP archive, as PyTorch's .bin and .pt files are"),
    ([0x28, 0xB5, 0x2F, 0xFD], "is compressed with zstd"),
    ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], "is compressed with xz"),
    (Array("GGUF".utf8), "is a GGUF model"),
    (Array("ggml".utf8), "is a model in the old GGML format"),
    (Array("lmgg".utf8), "is a model in the old GGML format"),
    (Array("tjgg".utf8), "is a model in the old GGML format"),
    ([0x89, 0x48, 0x44, 0x46], "is an HDF5 file"),
    (Array("SQLite format 3\0".utf8), isDatabase),
    ([0x7F, 0x45, 0x4C, 0x46], "is an executable"),
  ]

  /// What `beginning` belongs to, where that is something else than a text, JSON or safetensors
  /// file: "is an HTML page …".
  ///
  /// - Parameter isGGUF: whether a GGUF model is what is wanted.
  public static func problem(beginning: some Collection<UInt8>, isGGUF: Bool = false) -> String? {
    for (bytes, what) in beginnings where beginning.starts(with: bytes) {
      return isGGUF && bytes == Array("GGUF".utf8) ? nil : what
    }
    let text = String(decoding: beginning, as: UTF8.self)
      .drop { $0.isWhitespace || $0 == "\u{FEFF}" }.lowercased()
    if text.hasPrefix("<!doctype html") || text.hasPrefix("<html") || text.hasPrefix("<head") {
      return "is an HTML page: the download failed, or asked for a login"
    }
    if text.hasPrefix("<?xml") { return "is an XML document: the download may have failed" }
    if text.hasPrefix("entry not found") || text.hasPrefix("repository not found")
      || text.hasPrefix("invalid username or password") || text.hasPrefix("access to model ")
    {
      return "is a hub's error message: \"\(text.prefix(60))\""
    }
    return nil
  }
}
