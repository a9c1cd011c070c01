/// What the plugin BuildStamp stamped.
public enum BuildCommit {
  /// The commit that was built, "-modified" behind it where files differed; "unknown" outside a
  /// checkout.
  @inline(never)
  public static var text: String { stampedCommit }
}
