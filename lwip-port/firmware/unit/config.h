/* lwIP's tests include the configuration of a hosted build of theirs; on the target there is none. */
