/// Commits as people read them.
enum CommitText {
  /// Its beginning, and whether what was built differed from it.
  static func brief(_ commit: String, digits: Int = 10) -> String {
    let suffix = "-modified"
    return commit.hasSuffix(suffix)
      ? commit.dropLast(suffix.count).prefix(digits) + suffix : String(commit.prefix(digits))
  }
}
